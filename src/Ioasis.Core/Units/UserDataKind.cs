namespace Ioasis.Core.Units;

/// <summary>
/// What a program passes a structure of a unit's own kind for. Each kind numbers its types by itself.
/// </summary>
public enum UserDataKind
{
    /// <summary>A page table (linux/iommufd.h: IOMMU_HWPT_DATA_*).</summary>
    PageTable,

    /// <summary>An invalidation (linux/iommufd.h: IOMMU_HWPT_INVALIDATE_DATA_*).</summary>
    Invalidation,
}
