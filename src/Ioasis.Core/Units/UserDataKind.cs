namespace Ioasis.Core.Units;

/// <summary>For what a program passes a structure of a unit's own kind. Each has types of its own.</summary>
public enum UserDataKind
{
    /// <summary>A page table (linux/iommufd.h: IOMMU_HWPT_DATA_*).</summary>
    PageTable,

    /// <summary>An invalidation (linux/iommufd.h: IOMMU_HWPT_INVALIDATE_DATA_*).</summary>
    Invalidation,
}
