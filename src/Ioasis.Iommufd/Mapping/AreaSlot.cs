namespace Ioasis.Iommufd.Mapping;

/// <summary>What stands for an area where it is looked up: the object, or for an area of <see cref="PlainMemory"/> that and where it begins.</summary>
internal readonly struct AreaSlot
{
    private readonly object _of;

    internal AreaSlot(Area area) => _of = area;

    internal AreaSlot(PlainMemory plain, ulong address) => (_of, Address) = (plain, address);

    /// <summary>The object; null where there is none.</summary>
    internal Area? Area => _of as Area;

    /// <summary>What it has in common with others; null where it is an object.</summary>
    internal PlainMemory? Plain => _of as PlainMemory;

    /// <summary>The address of plain memory's first byte: that of a page, for the program and for us.</summary>
    internal ulong Address { get; }
}
