using Ioasis.Memory;

namespace Ioasis.Core.Units;

/// <summary>
/// Addresses that mean something else to a device than what an IOAS maps (Linux: struct iommu_resv_region).
/// </summary>
/// <param name="Range">Which.</param>
/// <param name="Kind">Why, and so who may use them all the same.</param>
public readonly record struct ReservedRegion(IovaRange Range, ReservedKind Kind)
{
    /// <summary>Whether programs can map nothing there.</summary>
    public bool IsReserved => Kind != ReservedKind.DirectRelaxable;

    /// <summary>The kind as sysfs's <c>reserved_regions</c> names it.</summary>
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
    /// <summary>Memory that the device uses by its physical addresses.</summary>
    Direct,

    /// <summary>The same until a driver or program owns the device, which may then map what it likes there.</summary>
    DirectRelaxable,

    /// <summary>Whatever else is not to be mapped.</summary>
    Reserved,

    /// <summary>Writes there are interrupt messages; the hardware decides where.</summary>
    Msi,

    /// <summary>Writes there are interrupt messages, which whoever manages the table has to map.</summary>
    SoftwareMsi,
}
