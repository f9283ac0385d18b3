using Ioasis.Abi;
using Ioasis.Core.PageRequests;
using Ioasis.Memory;

namespace Ioasis.Client;

/// <summary>A page request of a device, read from a <see cref="FaultQueue"/>.</summary>
/// <param name="Raw">The request as it was read (struct iommu_hwpt_pgfault of linux/iommufd.h).</param>
public readonly record struct PageFault(IommuHwptPgfault Raw)
{
    /// <summary>The device's ID in the context.</summary>
    public uint DeviceId => Raw.DevId;

    /// <summary>The PASID of the request; null for requests without PASID.</summary>
    public Pasid? Pasid =>
        (Raw.Flags & IommufdH.IOMMU_PGFAULT_FLAGS_PASID_VALID) != 0 ? new Pasid(Raw.Pasid) : null;

    /// <summary>The access that the device asks for.</summary>
    public PageRequestAccess Access => (PageRequestAccess)Raw.Perm;

    /// <summary>The address of the page.</summary>
    public Iova Address => new(Raw.Addr);

    /// <summary>Whether it is the last of its group, which waits for an answer now.</summary>
    public bool IsLast => (Raw.Flags & IommufdH.IOMMU_PGFAULT_FLAGS_LAST_PAGE) != 0;

    /// <summary>The number of the group, by which <see cref="FaultQueue.Respond"/> answers it.</summary>
    public uint Cookie => Raw.Cookie;
}
