namespace Ioasis.Iommufd.Mapping;

/// <summary>
/// The entry for an area in the map: the number of its object; or, for plain memory, the number of its
/// <see cref="PlainMemory"/> and the address of its first byte. It has no references, so slots move as bytes and the
/// collector has nothing to trace.
/// </summary>
internal readonly struct AreaSlot
{
    /// <summary>
    /// The most <see cref="PlainMemory"/> that the number can distinguish: it uses the low bits of a page's address.
    /// </summary>
    internal const int MaxPlain = (int)(IoPageTable.HostPageSize - 1);

    private const ulong PlainBits = IoPageTable.HostPageSize - 1;
    private readonly ulong _value;

    private AreaSlot(ulong value) => _value = value;

    /// <summary>Whether the area is one of plain memory.</summary>
    internal bool IsPlain => (_value & PlainBits) != 0;

    /// <summary>The number of the object or of the plain memory.</summary>
    internal int Number => IsPlain ? (int)(_value & PlainBits) - 1 : (int)(_value / IoPageTable.HostPageSize);

    /// <summary>The page-aligned address of plain memory's first byte, both for the program and for us.</summary>
    internal ulong Address => _value & ~PlainBits;

    internal static AreaSlot OfObject(int number) => new((ulong)number * IoPageTable.HostPageSize);

    internal static AreaSlot OfPlain(int number, ulong address) => new(address | (uint)(number + 1));
}
