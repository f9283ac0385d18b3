using Ioasis.Core.Domains;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Mapping;

/// <summary>One mapping of an IOAS: a slice of a backing at a range of IOVAs (Linux: struct iopt_area). It holds one reference of its backing.</summary>
internal sealed class Area(IovaRange range, MemoryBacking backing, ulong offset, MapAccess access)
{
    internal IovaRange Range { get; } = range;

    internal MemoryBacking Backing { get; } = backing;

    /// <summary>Which byte of the backing the range begins with.</summary>
    internal ulong Offset { get; } = offset;

    internal MapAccess Access { get; } = access;

    /// <summary>Its number in the mapping table, while the IOAS has domains; else 0.</summary>
    internal uint Mapping { get; set; }

    /// <summary>Whether it starts, ends and refers to memory at multiples of an alignment, a power of two.</summary>
    internal bool IsAligned(ulong alignment) =>
        ((Range.First | Range.Length | PageOffset) & (alignment - 1)) == 0;

    /// <summary>
    /// Whether it can be made two with <paramref name="last"/> as the lower one's last address; done already, as far as Linux looks,
    /// where that is its first or last (Linux: iopt_area_split).
    /// </summary>
    internal bool CanSplit(ulong last, ulong alignment) =>
        IsEdge(last) || (((last + 1) | (PageOffset + (last + 1 - Range.First))) & (alignment - 1)) == 0;

    /// <summary>Whether nothing is to be done to split it there.</summary>
    internal bool IsEdge(ulong address) => address == Range.First || address == Range.Last;

    private ulong PageOffset => (Backing.AlignmentHint + Offset) & (IoPageTable.HostPageSize - 1);
}
