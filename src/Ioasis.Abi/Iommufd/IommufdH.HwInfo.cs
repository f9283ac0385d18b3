namespace Ioasis.Abi;

public static partial class IommufdH
{
    /// <summary>Flag of <see cref="IommuHwInfo"/>: the input data type selects the information.</summary>
    public const uint IOMMU_HW_INFO_FLAG_INPUT_TYPE = 1 << 0;

    /// <summary>Output type of <see cref="IommuHwInfo"/>: the IOMMU reports no data.</summary>
    public const uint IOMMU_HW_INFO_TYPE_NONE = 0;
    /// <summary>Input type of <see cref="IommuHwInfo"/>: the IOMMU's own type.</summary>
    public const uint IOMMU_HW_INFO_TYPE_DEFAULT = 0;
    /// <summary>Type of <see cref="IommuHwInfo"/>: <see cref="IommuHwInfoVtd"/>.</summary>
    public const uint IOMMU_HW_INFO_TYPE_INTEL_VTD = 1;
    /// <summary>Type of <see cref="IommuHwInfo"/>: <see cref="IommuHwInfoArmSmmuv3"/>.</summary>
    public const uint IOMMU_HW_INFO_TYPE_ARM_SMMUV3 = 2;
    /// <summary>Type of <see cref="IommuHwInfo"/>: <see cref="IommuHwInfoAmd"/>.</summary>
    public const uint IOMMU_HW_INFO_TYPE_AMD = 4;

    /// <summary>
    /// Flag of <see cref="IommuHwInfoVtd"/>: a nest parent must not hold read-only mappings (Intel erratum 772415,
    /// SPR17).
    /// </summary>
    public const uint IOMMU_HW_INFO_VTD_ERRATA_772415_SPR17 = 1 << 0;

    /// <summary>Capability bit of <see cref="IommuHwInfo"/>: dirty tracking is supported.</summary>
    public const ulong IOMMU_HW_CAP_DIRTY_TRACKING = 1 << 0;
    /// <summary>
    /// Capability bit of <see cref="IommuHwInfo"/>: execute requests with PASID. Meaningless if the PASID width is 0.
    /// </summary>
    public const ulong IOMMU_HW_CAP_PCI_PASID_EXEC = 1 << 1;
    /// <summary>
    /// Capability bit of <see cref="IommuHwInfo"/>: privileged requests with PASID. Meaningless if the PASID width is
    /// 0.
    /// </summary>
    public const ulong IOMMU_HW_CAP_PCI_PASID_PRIV = 1 << 2;
    /// <summary>Capability bit of <see cref="IommuHwInfo"/>: this device cannot use ATS.</summary>
    public const ulong IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED = 1 << 3;
}
