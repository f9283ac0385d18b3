namespace Ioasis.MockIommu.Abi;

/// <summary>struct iommu_test_hw_info.</summary>
internal record struct IommuTestHwInfo(uint Flags, uint TestReg);

/// <summary>struct iommu_hwpt_selftest.</summary>
internal record struct IommuHwptSelftest(uint Iotlb, uint PagetableType)
{
    /// <summary>The end of iotlb, all that the first version had.</summary>
    internal const int FirstVersion = 4;
}

/// <summary>struct iommu_hwpt_invalidate_selftest.</summary>
internal record struct IommuHwptInvalidateSelftest(uint Flags, uint IotlbId);

/// <summary>struct iommu_viommu_selftest.</summary>
internal record struct IommuViommuSelftest(uint InData, uint OutData, ulong OutMmapOffset, ulong OutMmapLength)
{
    /// <summary>The end of out_data, all that the first version had.</summary>
    internal const int FirstVersion = 8;
}

/// <summary>struct iommu_viommu_invalidate_selftest.</summary>
internal record struct IommuViommuInvalidateSelftest(uint Flags, uint VdevId, uint CacheId);

/// <summary>struct iommu_viommu_event_selftest.</summary>
internal record struct IommuViommuEventSelftest(uint VirtId);
