using Ioasis.Iommufd.Mapping;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Objects;

/// <summary>
/// A page that a driver has pinned (Linux: a struct page from iommufd_access_pin_pages). Valid until it is unpinned.
/// </summary>
public sealed class PinnedPage
{
    private readonly MemoryBacking _backing;
    private readonly ulong _offset;

    internal PinnedPage(MemoryBacking backing, ulong offset, MemoryLocation location)
    {
        _backing = backing;
        _offset = offset;
        Location = location;
    }

    /// <summary>Location of its first byte.</summary>
    public MemoryLocation Location { get; }

    /// <summary>Copies bytes out of the page; false if they are not accessible, or not within the mapping.</summary>
    /// <param name="offset">Offset in the page.</param>
    /// <param name="destination">Receives the bytes.</param>
    public bool TryRead(int offset, Span<byte> destination) =>
        IsWithin(offset, destination.Length) && _backing.TryRead(_offset + (uint)offset, destination);

    /// <summary>Copies bytes into the page; false if they are not writable, or not within the mapping.</summary>
    /// <param name="offset">Offset in the page.</param>
    /// <param name="source">The bytes.</param>
    public bool TryWrite(int offset, ReadOnlySpan<byte> source) =>
        IsWithin(offset, source.Length) && _backing.TryWrite(_offset + (uint)offset, source);

    private static bool IsWithin(int offset, int count) =>
        offset >= 0 && offset <= (int)IoPageTable.HostPageSize && count <= (int)IoPageTable.HostPageSize - offset;
}
