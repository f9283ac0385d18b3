using Ioasis.Core.Domains;

namespace Ioasis.Iommufd.Objects;

/// <summary>A page table that a device can be attached to by number (Linux: struct iommufd_hw_pagetable).</summary>
public abstract class Hwpt : IommufdObject
{
    /// <summary>The domain that devices are attached to.</summary>
    public abstract IommuDomain Domain { get; }

    /// <summary>Whether it may be used beside PASIDs, or for one (IOMMU_HWPT_ALLOC_PASID).</summary>
    internal bool PasidCompatible { get; init; }
}
