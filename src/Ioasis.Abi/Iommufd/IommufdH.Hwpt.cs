namespace Ioasis.Abi;

public static partial class IommufdH
{
    /// <summary>Flag of <see cref="IommuHwptAlloc"/>: nested HWPTs may be stacked on this one.</summary>
    public const uint IOMMU_HWPT_ALLOC_NEST_PARENT = 1 << 0;
    /// <summary>
    /// Flag of <see cref="IommuHwptAlloc"/>: only devices whose IOMMU tracks dirty pages may be attached.
    /// </summary>
    public const uint IOMMU_HWPT_ALLOC_DIRTY_TRACKING = 1 << 1;
    /// <summary>
    /// Flag of <see cref="IommuHwptAlloc"/>: the fault ID names a fault queue; page requests go there.
    /// </summary>
    public const uint IOMMU_HWPT_FAULT_ID_VALID = 1 << 2;
    /// <summary>
    /// Flag of <see cref="IommuHwptAlloc"/>: the HWPT may be attached to a PASID, or to a RID whose PASIDs are in use.
    /// </summary>
    public const uint IOMMU_HWPT_ALLOC_PASID = 1 << 3;

    /// <summary>
    /// Flag of <see cref="IommuHwptVtdS1"/>: supervisor requests are allowed (SRE of the VT-d PASID entry).
    /// </summary>
    public const ulong IOMMU_VTD_S1_SRE = 1 << 0;
    /// <summary>
    /// Flag of <see cref="IommuHwptVtdS1"/>: the extended-accessed bit is maintained (EAFE of the VT-d PASID entry).
    /// </summary>
    public const ulong IOMMU_VTD_S1_EAFE = 1 << 1;
    /// <summary>
    /// Flag of <see cref="IommuHwptVtdS1"/>: supervisor writes obey the write bit (WPE of the VT-d PASID entry).
    /// </summary>
    public const ulong IOMMU_VTD_S1_WPE = 1 << 2;

    /// <summary>Data type of <see cref="IommuHwptAlloc"/>: no data, a paging HWPT.</summary>
    public const uint IOMMU_HWPT_DATA_NONE = 0;
    /// <summary>Data type of <see cref="IommuHwptAlloc"/>: <see cref="IommuHwptVtdS1"/>.</summary>
    public const uint IOMMU_HWPT_DATA_VTD_S1 = 1;
    /// <summary>Data type of <see cref="IommuHwptAlloc"/>: <see cref="IommuHwptArmSmmuv3"/>.</summary>
    public const uint IOMMU_HWPT_DATA_ARM_SMMUV3 = 2;
    /// <summary>Data type of <see cref="IommuHwptAlloc"/>: <see cref="IommuHwptAmdGuest"/>.</summary>
    public const uint IOMMU_HWPT_DATA_AMD_GUEST = 3;

    /// <summary>Flag of <see cref="IommuHwptSetDirtyTracking"/>: on. Without it, off.</summary>
    public const uint IOMMU_HWPT_DIRTY_TRACKING_ENABLE = 1;
    /// <summary>
    /// Flag of <see cref="IommuHwptGetDirtyBitmap"/>: leave the dirty state as it is; reading clears it otherwise.
    /// </summary>
    public const uint IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR = 1;

    /// <summary>
    /// Data type of <see cref="IommuHwptInvalidate"/>: an array of <see cref="IommuHwptVtdS1Invalidate"/>.
    /// </summary>
    public const uint IOMMU_HWPT_INVALIDATE_DATA_VTD_S1 = 0;
    /// <summary>
    /// Data type of <see cref="IommuHwptInvalidate"/>: an array of <see cref="IommuViommuArmSmmuv3Invalidate"/>.
    /// </summary>
    public const uint IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3 = 1;
    /// <summary>
    /// Flag of <see cref="IommuHwptVtdS1Invalidate"/>: only leaf entries. Otherwise paging-structure caches too.
    /// </summary>
    public const uint IOMMU_VTD_INV_FLAGS_LEAF = 1 << 0;
}
