namespace Ioasis.Abi;

public static partial class IommufdH
{
    /// <summary>Type of <see cref="IommuViommuAlloc"/>: reserved.</summary>
    public const uint IOMMU_VIOMMU_TYPE_DEFAULT = 0;
    /// <summary>Type of <see cref="IommuViommuAlloc"/>: Arm SMMUv3.</summary>
    public const uint IOMMU_VIOMMU_TYPE_ARM_SMMUV3 = 1;

    /// <summary>Flag of <see cref="IommufdVeventHeader"/>: events were lost; no event follows this header.</summary>
    public const uint IOMMU_VEVENTQ_FLAG_LOST_EVENTS = 1 << 0;
    /// <summary>Type of <see cref="IommuVeventqAlloc"/>: reserved.</summary>
    public const uint IOMMU_VEVENTQ_TYPE_DEFAULT = 0;
    /// <summary>Type of <see cref="IommuVeventqAlloc"/>: the events are <see cref="IommuVeventArmSmmuv3"/>.</summary>
    public const uint IOMMU_VEVENTQ_TYPE_ARM_SMMUV3 = 1;

    /// <summary>Type of <see cref="IommuHwQueueAlloc"/>: reserved.</summary>
    public const uint IOMMU_HW_QUEUE_TYPE_DEFAULT = 0;
}
