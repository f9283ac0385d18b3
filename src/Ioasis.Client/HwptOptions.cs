using Ioasis.Abi;

namespace Ioasis.Client;

/// <summary>What a HWPT can do (the IOMMU_HWPT_ALLOC_* bits of linux/iommufd.h).</summary>
[Flags]
public enum HwptOptions : uint
{
    /// <summary>Nothing beyond translation.</summary>
    None = 0,

    /// <summary>It can be the second stage of nested HWPTs.</summary>
    NestParent = IommufdH.IOMMU_HWPT_ALLOC_NEST_PARENT,

    /// <summary>Pages that devices write can be found.</summary>
    DirtyTracking = IommufdH.IOMMU_HWPT_ALLOC_DIRTY_TRACKING,

    /// <summary>It can be attached to PASIDs.</summary>
    Pasid = IommufdH.IOMMU_HWPT_ALLOC_PASID,
}
