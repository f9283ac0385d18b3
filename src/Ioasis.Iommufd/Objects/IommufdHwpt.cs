using Ioasis.Core.Domains;

namespace Ioasis.Iommufd.Objects;

/// <summary>A page table that a device can be attached to by number (Linux: struct iommufd_hw_pagetable).</summary>
public abstract class IommufdHwpt : IommufdObject
{
    /// <summary>The domain that devices are attached to.</summary>
    public abstract IommuDomain Domain { get; }

    /// <summary>The queue for its page requests (IOMMU_HWPT_FAULT_ID_VALID); null if they are refused.</summary>
    internal IommufdFaultQueue? Faults { get; private set; }

    /// <summary>
    /// Sends its page requests to a queue. Call it before anything is attached. The queue then lives as long as the
    /// HWPT.
    /// </summary>
    internal void SetFaults(IommufdFaultQueue faults)
    {
        faults.Objects.AddUser(faults);
        Faults = faults;
        Domain.PageRequests = faults;
    }

    /// <summary>Releases the queue. Nothing is attached any more.</summary>
    private protected void ReleaseFaults()
    {
        Faults?.Objects.RemoveUser(Faults);
    }

    /// <summary>
    /// Whether it may be attached to a PASID, or to a RID whose PASIDs are in use (IOMMU_HWPT_ALLOC_PASID).
    /// </summary>
    internal bool PasidCompatible { get; init; }
}
