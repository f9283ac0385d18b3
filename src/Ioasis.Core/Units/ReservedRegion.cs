using Ioasis.Memory;

namespace Ioasis.Core.Units;

/// <summary>
/// Addresses that mean something else to a device than an IOAS says (Linux: struct iommu_resv_region).
/// </summary>
/// <param name="Range">The addresses.</param>
/// <param name="Kind">Why they are reserved.</param>
public sealed record ReservedRegion(IovaRange Range, ReservedKind Kind)
{
    /// <summary>Whether programs cannot map them.</summary>
    public bool IsReserved => Kind != ReservedKind.DirectRelaxable;

    /// <summary>Whether the device uses memory there by physical addresses.</summary>
    public bool IsDirect => Kind is ReservedKind.Direct or ReservedKind.DirectRelaxable;

    /// <summary>The name of the kind in sysfs's <c>reserved_regions</c>.</summary>
    public string KindName => Kind switch
    {
        ReservedKind.Direct => "direct",
        ReservedKind.DirectRelaxable => "direct-relaxable",
        ReservedKind.Reserved => "reserved",
        _ => "msi",
    };

    /// <summary>
    /// Regions in the order of their first address and their kind. Those of one kind that touch are one (Linux:
    /// iommu_insert_resv_region).
    /// </summary>
    /// <param name="regions">The regions, in any order.</param>
    public static IReadOnlyList<ReservedRegion> Merge(IEnumerable<ReservedRegion> regions)
    {
        List<ReservedRegion> ordered = [.. regions], merged = [];
        ordered.Sort(static (a, b) => a.Kind != b.Kind ? a.Kind - b.Kind : a.Range.First.CompareTo(b.Range.First));
        foreach (ReservedRegion next in ordered)
        {
            if (merged.Count != 0 && merged[^1] is var open && open.Kind == next.Kind
                && (next.Range.First <= open.Range.Last || next.Range.First == open.Range.Last + 1))
            {
                ulong last = Math.Max(open.Range.Last, next.Range.Last);
                merged[^1] = new ReservedRegion(new IovaRange(open.Range.First, last), next.Kind);
            }
            else
            {
                merged.Add(next);
            }
        }

        merged.Sort(static (a, b) => a.Range.First != b.Range.First
            ? a.Range.First.CompareTo(b.Range.First) : a.Kind - b.Kind);
        return merged;
    }
}

/// <summary>Why addresses are reserved (Linux: enum iommu_resv_type).</summary>
public enum ReservedKind
{
    /// <summary>The device uses memory there by physical addresses.</summary>
    Direct,

    /// <summary>
    /// The device uses memory there until a program or driver takes it over, which may map the addresses.
    /// </summary>
    DirectRelaxable,

    /// <summary>Any other reason.</summary>
    Reserved,

    /// <summary>Writes there are interrupt messages; hardware fixes the addresses.</summary>
    Msi,

    /// <summary>Writes there are interrupt messages; the owner of the page table maps them.</summary>
    SoftwareMsi,
}
