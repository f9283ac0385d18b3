using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Memory;

namespace Ioasis.Core.Units;

/// <summary>
/// One IOMMU: what differs between kinds of them. Core asks it what it can do and lets it refuse; translation of paging domains,
/// caches and attachment are the same for all and are Core's.
/// </summary>
public abstract class IommuUnit
{
    /// <summary>Names a unit.</summary>
    /// <param name="name">As in the machine's description, <c>dmar0</c>.</param>
    protected IommuUnit(string name) => Name = name;

    /// <summary>The unit's name in the machine's description.</summary>
    public string Name { get; }

    /// <summary>The faults that could not be recovered.</summary>
    public FaultLog Faults { get; } = new();

    /// <summary>The page sizes of a paging domain, a bit for each: bit 12 is 4 KiB. At least 2 KiB and at most 4 KiB is among them.</summary>
    public abstract ulong PageSizes { get; }

    /// <summary>The I/O virtual addresses that a paging domain can translate.</summary>
    public abstract IovaRange Aperture { get; }

    /// <summary>How many PASID bits a device behind the unit may use; 0 when it knows none.</summary>
    public abstract int MaxPasidLog2 { get; }

    /// <summary>Whether a paging domain can record which pages were written.</summary>
    public abstract bool SupportsDirtyTracking { get; }

    /// <summary>Whether DMA is coherent with the processors' caches even where a device asks for it not to be.</summary>
    public abstract bool EnforcesCoherency { get; }

    /// <summary>What GET_HW_INFO tells of the unit.</summary>
    public abstract HardwareInfo HardwareInfo { get; }

    /// <summary>Addresses that no mapping may have while the endpoint is attached, such as the window of message-signalled interrupts.</summary>
    public abstract IReadOnlyList<IovaRange> ReservedRegions(Endpoint endpoint);

    /// <summary>Makes the page table of a paging HWPT over a table of mappings, or refuses.</summary>
    /// <param name="endpoint">The device it is made for.</param>
    /// <param name="options">What it must be able to do.</param>
    /// <param name="mappings">What it translates by.</param>
    /// <param name="domain">The domain, when the answer is <see cref="IommuStatus.Ok"/>.</param>
    public abstract IommuStatus CreatePagingDomain(
        Endpoint endpoint, PagingDomainOptions options, MappingTable mappings, out PagingDomain? domain);

    /// <summary>Whether devices behind this unit can be attached to a domain, which may have been made for another unit.</summary>
    public virtual bool Accepts(IommuDomain domain) => domain.Owner == this;

    /// <summary>The unit's own number for a fault (VT-d: the fault reason of 7.2.3).</summary>
    public abstract byte FaultCode(FaultReason reason, bool isWrite);
}
