namespace Ioasis.Iommufd.Mapping;

/// <summary>
/// What stands for an area where it is looked up: the number of an object, or for an area of <see cref="PlainMemory"/>
/// the number of that and where the area's memory begins. No reference, so that slots are moved as bytes and the
/// collector has nothing to follow.
/// </summary>
internal readonly struct AreaSlot
{
    /// <summary>
    /// How many <see cref="PlainMemory"/> can be told apart, by the bits that the address of a page leaves.
    /// </summary>
    internal const int MaxPlain = (int)(IoPageTable.HostPageSize - 1);

    private const ulong PlainBits = IoPageTable.HostPageSize - 1;
    private readonly ulong _value;

    private AreaSlot(ulong value) => _value = value;

    /// <summary>Whether the area is one of plain memory.</summary>
    internal bool IsPlain => (_value & PlainBits) != 0;

    /// <summary>The number of the object, or of the plain memory.</summary>
    internal int Number => IsPlain ? (int)(_value & PlainBits) - 1 : (int)(_value / IoPageTable.HostPageSize);

    /// <summary>The address of plain memory's first byte: that of a page, for the program and for us.</summary>
    internal ulong Address => _value & ~PlainBits;

    internal static AreaSlot OfObject(int number) => new((ulong)number * IoPageTable.HostPageSize);

    internal static AreaSlot OfPlain(int number, ulong address) => new(address | (uint)(number + 1));
}
