namespace Ioasis.Abi;

/// <summary>A structure that describes a page table to one kind of IOMMU (the data of IOMMU_HWPT_ALLOC).</summary>
public interface IHwptData
{
    /// <summary>Its type, IOMMU_HWPT_DATA_*.</summary>
    static abstract uint DataType { get; }
}

/// <summary>A structure that invalidates what one kind of IOMMU keeps (an entry of IOMMU_HWPT_INVALIDATE).</summary>
public interface IHwptInvalidation
{
    /// <summary>Its type, IOMMU_HWPT_INVALIDATE_DATA_*.</summary>
    static abstract uint DataType { get; }
}

/// <summary>A structure by which one kind of IOMMU tells what it can do (the data of IOMMU_GET_HW_INFO).</summary>
public interface IHwInfoData
{
    /// <summary>Its type, IOMMU_HW_INFO_TYPE_*.</summary>
    static abstract uint DataType { get; }
}
