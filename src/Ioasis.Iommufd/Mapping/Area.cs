using Ioasis.Abi;
using Ioasis.Core.Domains;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Mapping;

/// <summary>
/// One mapping of an IOAS: a slice of a run of pages at a range of IOVAs (Linux: struct iopt_area). It holds one
/// reference of these pages. What changes of it is guarded by the lock of its IOAS's table.
/// </summary>
internal sealed class Area(IovaRange range, Pages pages, ulong offset, MapAccess access)
{
    internal IovaRange Range { get; } = range;

    internal Pages Pages { get; } = pages;

    /// <summary>Which byte of the pages' memory the range begins with.</summary>
    internal ulong Offset { get; } = offset;

    internal MapAccess Access { get; } = access;

    /// <summary>
    /// Whether it stands in the mapping table, as while the IOAS has domains. Of a dma-buf's area the dma-buf's lock
    /// guards it too.
    /// </summary>
    internal bool IsEntered { get; set; }

    /// <summary>
    /// How many pins of drivers there are within it. Such an area cannot be cut, and is only unmapped once they are
    /// gone.
    /// </summary>
    internal int Accesses { get; set; }

    /// <summary>
    /// How many of these are pins that nobody is asked to undo: while there are any, it cannot be unmapped.
    /// </summary>
    internal int Locks { get; set; }

    /// <summary>
    /// Set when it is being unmapped and drivers have been asked to unpin it: nothing more can be pinned.
    /// </summary>
    internal bool PreventAccess { get; set; }

    /// <summary>The first page that it covers.</summary>
    internal ulong FirstPage => Pages.PageOf(Offset);

    /// <summary>The last page that it covers.</summary>
    internal ulong LastPage => Pages.PageOf(Offset + (Range.Length - 1));

    /// <summary>Which byte of the pages' memory an address means.</summary>
    internal ulong OffsetAt(ulong iova) => Offset + (iova - Range.First);

    /// <summary>Whether it starts, ends and refers to memory at multiples of an alignment, a power of two.</summary>
    internal bool IsAligned(ulong alignment) =>
        ((Range.First | Range.Length | InPage(Range.First)) & (alignment - 1)) == 0;

    /// <summary>
    /// Whether it can be made two with <paramref name="last"/> as the lower one's last address; done already, as far as
    /// Linux looks, where that is its first or last (Linux: iopt_area_split).
    /// </summary>
    internal Errno CheckSplit(ulong last, ulong alignment)
    {
        if (IsEdge(last)) return Errno.None;
        if (PreventAccess) return Errno.EBUSY;
        if (Pages.IsDmaBuf) return Errno.EOPNOTSUPP;
        return (((last + 1) | InPage(last + 1)) & (alignment - 1)) != 0 || Accesses != 0 ? Errno.EINVAL : Errno.None;
    }

    /// <summary>Whether nothing is to be done to split it there.</summary>
    internal bool IsEdge(ulong address) => address == Range.First || address == Range.Last;

    /// <summary>How far into its page the memory at an address is.</summary>
    internal ulong InPage(ulong iova) => (Pages.OffsetInPage + OffsetAt(iova)) & (IoPageTable.HostPageSize - 1);
}
