using Ioasis.Core.Domains;

namespace Ioasis.Iommufd.Objects;

/// <summary>A page table that a device can be attached to by number (Linux: struct iommufd_hw_pagetable).</summary>
public abstract class Hwpt : IommufdObject
{
    /// <summary>The domain that devices are attached to.</summary>
    public abstract IommuDomain Domain { get; }

    /// <summary>Who answers page requests for it (IOMMU_HWPT_FAULT_ID_VALID); null when they are refused.</summary>
    internal FaultQueue? Faults { get; private set; }

    /// <summary>
    /// Brings its page requests to a queue. Before anything is attached; the queue then lives as long as the HWPT.
    /// </summary>
    internal void SetFaults(FaultQueue faults)
    {
        faults.Objects.AddUser(faults);
        Faults = faults;
        Domain.PageRequests = faults;
    }

    /// <summary>Lets go of the queue; nothing is attached any more.</summary>
    private protected void ReleaseFaults()
    {
        Faults?.Objects.RemoveUser(Faults);
    }

    /// <summary>Whether it may be used beside PASIDs, or for one (IOMMU_HWPT_ALLOC_PASID).</summary>
    internal bool PasidCompatible { get; init; }
}
