using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Core.Injection;
using Ioasis.Core.Observation;
using Ioasis.Core.PageRequests;
using Ioasis.Memory;

namespace Ioasis.Core.Units;

/// <summary>
/// One IOMMU: what differs between kinds of IOMMU. Core asks it for its capabilities and lets it refuse. Translation by
/// paging domains, caches of ports and attachment are the same for all units; Core does them.
/// </summary>
public abstract class IommuUnit
{
    private Observers _observers = new();

    /// <summary>Makes a unit.</summary>
    /// <param name="name">Its name in the machine's description, <c>dmar0</c>.</param>
    protected IommuUnit(string name)
    {
        Name = name;
        _observers.Add(Faults);
    }

    /// <summary>The unit's name in the machine's description.</summary>
    public string Name { get; }

    /// <summary>The accesses that were refused for good.</summary>
    public FaultLog Faults { get; } = new();

    /// <summary>
    /// The observers of events behind the unit; the fault log is one of them. A machine gives all its units the same
    /// before any device is attached.
    /// </summary>
    public Observers Observers
    {
        get => _observers;
        set
        {
            _observers.Remove(Faults);
            value.Add(Faults);
            _observers = value;
        }
    }

    /// <summary>
    /// What decides that something goes wrong behind the unit; null for nothing. A machine gives it to all its units
    /// before any device is attached.
    /// </summary>
    public Injector? Injector { get; set; }

    /// <summary>
    /// The page sizes of a paging domain, one bit each: bit 12 is 4 KiB. The smallest is the alignment of an IOAS. An
    /// IOAS takes no domain whose smallest page is larger than the host's, 4 KiB (EINVAL, as on Linux). A first stage
    /// can have pages of any size.
    /// </summary>
    public abstract ulong PageSizes { get; }

    /// <summary>The I/O virtual addresses that a paging domain can translate.</summary>
    public abstract IovaRange Aperture { get; }

    /// <summary>How many PASID bits a device behind the unit may use; 0 for no PASIDs.</summary>
    public abstract int MaxPasidLog2 { get; }

    /// <summary>
    /// The capabilities of a device that the unit enables when it finds the device (Linux: probe_device).
    /// </summary>
    public virtual EndpointFeatures Enable(EndpointFeatures features)
    {
        ArgumentNullException.ThrowIfNull(features);
        return features with { PasidBits = Math.Min(features.PasidBits, MaxPasidLog2) };
    }

    /// <summary>Whether a paging domain for a device can record which pages were written.</summary>
    public abstract bool SupportsDirtyTracking(Endpoint endpoint);

    /// <summary>
    /// Whether all DMA of a device is coherent with the processors' caches, also DMA that the device marks as no-snoop.
    /// </summary>
    public abstract bool EnforcesCoherency(Endpoint endpoint);

    /// <summary>Describes the unit's hardware for a device (IOMMU_GET_HW_INFO).</summary>
    /// <param name="endpoint">The device.</param>
    /// <param name="type">The type of structure; <see cref="HardwareInfo.DefaultType"/> lets the unit choose.</param>
    /// <param name="info">The structure.</param>
    /// <returns>False if there is no structure of that type for the device.</returns>
    public virtual bool TryGetHardwareInfo(Endpoint endpoint, uint type, out HardwareInfo info)
    {
        info = HardwareInfo.None;
        return true;
    }

    /// <summary>
    /// Addresses that mean something else to a device than an IOAS says, such as the window of interrupt messages.
    /// Programs cannot map them while the device is attached, except those that are relaxable.
    /// </summary>
    public abstract IReadOnlyList<ReservedRegion> ReservedRegions(Endpoint endpoint);

    /// <summary>The unit's own attributes below <c>/sys/class/iommu/NAME</c>. They never change.</summary>
    public virtual IReadOnlyList<SysfsAttribute> SysfsAttributes => [];

    /// <summary>
    /// The name of a data type of the unit's kind, for accounts of calls; null for an unknown type.
    /// </summary>
    /// <param name="kind">What a program passes the data for.</param>
    /// <param name="type">The type.</param>
    public virtual string? NameOf(UserDataKind kind, uint type) => null;

    /// <summary>Makes the page table of a paging HWPT, or refuses.</summary>
    /// <param name="endpoint">The device that it is made for.</param>
    /// <param name="options">The capabilities that it must have.</param>
    /// <param name="data">A description in the unit's own structure; null if the program passed none.</param>
    /// <param name="mappings">The mappings that it translates by.</param>
    /// <param name="domain">The domain, if the status is <see cref="IommuStatus.Ok"/>.</param>
    public abstract IommuStatus CreatePagingDomain(
        Endpoint endpoint, PagingDomainOptions options, UserData? data, MappingTable mappings,
        out PagingDomain? domain);

    /// <summary>
    /// Whether first stages are nested directly on a HWPT. If not, only <see cref="Viommu.CreateNestedDomain"/> makes
    /// them, and nesting on any HWPT is not supported.
    /// </summary>
    public virtual bool NestsOnHwpt => false;

    /// <summary>Makes a page table with a first stage of the user's, if <see cref="NestsOnHwpt"/>.</summary>
    /// <param name="parent">The second stage: a nest parent of this unit's kind.</param>
    /// <param name="options">Only <see cref="PagingDomainOptions.Pasid"/> is requested.</param>
    /// <param name="data">The description of the first stage.</param>
    /// <param name="domain">The domain, if the status is <see cref="IommuStatus.Ok"/>.</param>
    public virtual IommuStatus CreateNestedDomain(
        PagingDomain parent, PagingDomainOptions options, UserData data, out NestedDomain? domain)
    {
        domain = null;
        return IommuStatus.NotSupported;
    }

    /// <summary>Whether the unit has a type of vIOMMU for a device.</summary>
    public virtual bool HasViommu(Endpoint endpoint, uint type) => false;

    /// <summary>Gives a slice of the unit to a guest.</summary>
    /// <param name="endpoint">The device that it is made for.</param>
    /// <param name="type">A type for which <see cref="HasViommu"/> is true.</param>
    /// <param name="parent">The second stage of everything that is nested in it.</param>
    /// <param name="data">A description in the unit's own structure; null if the program passed none.</param>
    /// <param name="host">The part that is the same for all kinds of unit.</param>
    /// <param name="viommu">The vIOMMU, if the status is <see cref="IommuStatus.Ok"/>.</param>
    public virtual IommuStatus CreateViommu(
        Endpoint endpoint, uint type, PagingDomain parent, UserData? data, IViommuHost host, out Viommu? viommu)
    {
        viommu = null;
        return IommuStatus.NotSupported;
    }

    /// <summary>
    /// A device or one of its PASIDs is about to be attached to a domain, moved to another, or detached. The unit may
    /// refuse the first two, unless they undo a change that it accepted.
    /// </summary>
    /// <param name="endpoint">The device.</param>
    /// <param name="pasid">The PASID; null for requests without one.</param>
    /// <param name="domain">The new domain; null to detach. A <see cref="ProcessDomain"/> may have been made for
    /// another unit. It comes only with a PASID, and only if the unit has PASIDs.</param>
    /// <param name="former">The old domain; null if there is none.</param>
    public virtual IommuStatus Attaching(Endpoint endpoint, Pasid? pasid, IommuDomain? domain, IommuDomain? former) =>
        domain is null || Takes(domain) ? IommuStatus.Ok : IommuStatus.Invalid;

    /// <summary>
    /// Whether the user of a nested domain also owns the PASID table (Linux: user_pasid_table). If so, a nested domain
    /// that is attached without PASID gets the requests of all PASIDs that are not attached themselves. Its first stage
    /// finds the table of the PASID.
    /// </summary>
    public virtual bool UserOwnsPasidTable => false;

    /// <summary>A group of page requests was answered. A unit that drives a device passes the answer on.</summary>
    public virtual void RespondTo(PageRequestGroup group, PageResponse response)
    {
    }

    /// <summary>
    /// Whether devices behind this unit can be attached to a domain. It may have been made for another unit.
    /// </summary>
    public virtual bool Accepts(IommuDomain domain) => domain.Owner == this;

    /// <summary>
    /// The same for every kind of domain. One that is no unit's table goes with any unit; a process's own address space
    /// takes one that knows PASIDs.
    /// </summary>
    internal bool Takes(IommuDomain domain) =>
        domain.IsOfAnyUnit ? domain is not ProcessDomain || MaxPasidLog2 > 0 : Accepts(domain);

    /// <summary>The unit's own terms for a fault that no first stage reported.</summary>
    public abstract FaultSyndrome SyndromeOf(FaultReason reason, bool isWrite);

    /// <summary>What the unit's specification says of a fault; null if it says nothing.</summary>
    /// <param name="code">The unit's number for it; see <see cref="FaultSyndrome.Code"/>.</param>
    public virtual string? RuleOf(ushort code) => null;

    /// <summary>
    /// A request of a device was refused. Called once for each fault, after the access, on the thread that made the
    /// access and with no lock held. If the device asks for the page instead, it is called when the device gives up. It
    /// is not called for a request that the device's owner blocks (<see cref="Endpoint.Block"/>).
    /// </summary>
    /// <param name="endpoint">The device.</param>
    /// <param name="fault">The request and the reason.</param>
    public virtual void Report(Endpoint endpoint, in DmaFault fault)
    {
    }
}
