using Ioasis.Abi;
using Ioasis.Core.Domains;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Mapping;

/// <summary>
/// One mapping of an IOAS: a slice of a run of pages at a range of IOVAs (Linux: struct iopt_area). It holds one
/// reference to the pages. The lock of its IOAS's table guards its mutable state.
/// </summary>
internal sealed class Area(IovaRange range, Pages pages, ulong offset, MapAccess access)
{
    internal IovaRange Range { get; } = range;

    internal Pages Pages { get; } = pages;

    /// <summary>Offset, in the pages' memory, of the range's first byte.</summary>
    internal ulong Offset { get; } = offset;

    internal MapAccess Access { get; } = access;

    /// <summary>
    /// Whether it is in the mapping table, as while the IOAS has domains. For an area of a dma-buf, the dma-buf's lock
    /// guards it too.
    /// </summary>
    internal bool IsEntered { get; set; }

    /// <summary>
    /// Number of drivers' pins within it. A pinned area cannot be cut, and an unmap waits until the pins are gone.
    /// </summary>
    internal int Accesses { get; set; }

    /// <summary>
    /// Number of those pins that nobody is asked to undo. While there are any, the area cannot be unmapped.
    /// </summary>
    internal int Locks { get; set; }

    /// <summary>
    /// Set while it is being unmapped and drivers have been asked to unpin it: nothing more can be pinned.
    /// </summary>
    internal bool PreventAccess { get; set; }

    /// <summary>The first page that it covers.</summary>
    internal ulong FirstPage => Pages.PageOf(Offset);

    /// <summary>The last page that it covers.</summary>
    internal ulong LastPage => Pages.PageOf(Offset + (Range.Length - 1));

    /// <summary>Offset, in the pages' memory, of an address.</summary>
    internal ulong OffsetAt(ulong iova) => Offset + (iova - Range.First);

    /// <summary>Whether its start, end and memory are multiples of an alignment, a power of two.</summary>
    internal bool IsAligned(ulong alignment) =>
        ((Range.First | Range.Length | InPage(Range.First)) & (alignment - 1)) == 0;

    /// <summary>
    /// Whether it can be split so that <paramref name="last"/> is the lower part's last address. Like Linux
    /// (iopt_area_split), takes it for split already if that is its first or last address.
    /// </summary>
    internal Errno CheckSplit(ulong last, ulong alignment)
    {
        if (IsEdge(last)) return Errno.None;
        if (PreventAccess)
            return Errno.EBUSY.Because("a driver that pinned the mapping is asked to unpin it for an unmap");
        if (Pages.IsDmaBuf) return Errno.EOPNOTSUPP.Because("a mapping of a dma-buf cannot be split");
        return (((last + 1) | InPage(last + 1)) & (alignment - 1)) != 0 || Accesses != 0
            ? Errno.EINVAL.Because(
                $"a mapping is split at 0x{last + 1:x} only if that is a multiple of 0x{alignment:x} "
                    + $"and no driver has pinned it")
            : Errno.None;
    }

    /// <summary>Whether a split there has nothing to do.</summary>
    internal bool IsEdge(ulong address) => address == Range.First || address == Range.Last;

    /// <summary>Offset of an address's memory within its page.</summary>
    internal ulong InPage(ulong iova) => (Pages.OffsetInPage + OffsetAt(iova)) & (IoPageTable.HostPageSize - 1);
}
