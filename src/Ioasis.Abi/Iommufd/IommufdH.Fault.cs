namespace Ioasis.Abi;

public static partial class IommufdH
{
    /// <summary>Flag of <see cref="IommuHwptPgfault"/>: the request carries a PASID.</summary>
    public const uint IOMMU_PGFAULT_FLAGS_PASID_VALID = 1 << 0;
    /// <summary>
    /// Flag of <see cref="IommuHwptPgfault"/>: the last request of its group. The response answers this one.
    /// </summary>
    public const uint IOMMU_PGFAULT_FLAGS_LAST_PAGE = 1 << 1;

    /// <summary>Permission bit of <see cref="IommuHwptPgfault"/>: read.</summary>
    public const uint IOMMU_PGFAULT_PERM_READ = 1 << 0;
    /// <summary>Permission bit of <see cref="IommuHwptPgfault"/>: write.</summary>
    public const uint IOMMU_PGFAULT_PERM_WRITE = 1 << 1;
    /// <summary>
    /// Permission bit of <see cref="IommuHwptPgfault"/>: execute (PCIe, Execute Requested of the PASID prefix).
    /// </summary>
    public const uint IOMMU_PGFAULT_PERM_EXEC = 1 << 2;
    /// <summary>
    /// Permission bit of <see cref="IommuHwptPgfault"/>: privileged (PCIe, Privileged Mode Requested of the PASID
    /// prefix).
    /// </summary>
    public const uint IOMMU_PGFAULT_PERM_PRIV = 1 << 3;

    /// <summary>
    /// Code of <see cref="IommuHwptPageResponse"/>: the page is there, the device may try again (PCIe Success).
    /// </summary>
    public const uint IOMMUFD_PAGE_RESP_SUCCESS = 0;
    /// <summary>
    /// Code of <see cref="IommuHwptPageResponse"/>: the page will not become present (PCIe Invalid Request).
    /// </summary>
    public const uint IOMMUFD_PAGE_RESP_INVALID = 1;
}
