using Ioasis.Memory;

namespace Ioasis.Core.Units;

/// <summary>
/// Addresses that mean something else to a device than an IOAS says (Linux: struct iommu_resv_region).
/// </summary>
/// <param name="Range">The addresses.</param>
/// <param name="Kind">Why they are reserved.</param>
public readonly record struct ReservedRegion(IovaRange Range, ReservedKind Kind)
{
    /// <summary>Whether programs cannot map them.</summary>
    public bool IsReserved => Kind != ReservedKind.DirectRelaxable;

    /// <summary>The name of the kind in sysfs's <c>reserved_regions</c>.</summary>
    public string KindName => Kind switch
    {
        ReservedKind.Direct => "direct",
        ReservedKind.DirectRelaxable => "direct-relaxable",
        ReservedKind.Reserved => "reserved",
        _ => "msi",
    };
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
