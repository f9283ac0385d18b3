using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Core.Observation;
using Ioasis.Core.PageRequests;
using Ioasis.Memory;

namespace Ioasis.Core.Units;

/// <summary>
/// One IOMMU: what differs between kinds of them. Core asks it what it can do and lets it refuse; translation of paging
/// domains, caches and attachment are the same for all and are Core's.
/// </summary>
public abstract class IommuUnit
{
    private Observers _observers = new();

    /// <summary>Names a unit.</summary>
    /// <param name="name">As in the machine's description, <c>dmar0</c>.</param>
    protected IommuUnit(string name)
    {
        Name = name;
        _observers.Add(Faults);
    }

    /// <summary>The unit's name in the machine's description.</summary>
    public string Name { get; }

    /// <summary>The faults that could not be recovered.</summary>
    public FaultLog Faults { get; } = new();

    /// <summary>
    /// The observers of what happens behind the unit: those of its machine, of which its fault log is one.
    /// </summary>
    public Observers Observers
    {
        get => _observers;
        internal set
        {
            _observers.Remove(Faults);
            value.Add(Faults);
            _observers = value;
        }
    }

    /// <summary>
    /// The page sizes of a paging domain, a bit for each: bit 12 is 4 KiB. At least 2 KiB and at most 4 KiB is among
    /// them.
    /// </summary>
    public abstract ulong PageSizes { get; }

    /// <summary>The I/O virtual addresses that a paging domain can translate.</summary>
    public abstract IovaRange Aperture { get; }

    /// <summary>How many PASID bits a device behind the unit may use; 0 when it knows none.</summary>
    public abstract int MaxPasidLog2 { get; }

    /// <summary>
    /// What is enabled of what a function can do, as soon as the unit's driver finds it (Linux: probe_device).
    /// </summary>
    public virtual EndpointFeatures Enable(EndpointFeatures features)
    {
        ArgumentNullException.ThrowIfNull(features);
        return features with { PasidBits = Math.Min(features.PasidBits, MaxPasidLog2) };
    }

    /// <summary>Whether a paging domain for a device can record which pages were written.</summary>
    public abstract bool SupportsDirtyTracking(Endpoint endpoint);

    /// <summary>
    /// Whether DMA of a device is coherent with the processors' caches even where the device asks for it not to be.
    /// </summary>
    public abstract bool EnforcesCoherency(Endpoint endpoint);

    /// <summary>What the unit tells of itself, for a device (GET_HW_INFO).</summary>
    /// <param name="endpoint">The device.</param>
    /// <param name="type">The structure that is asked for; <see cref="HardwareInfo.DefaultType"/> for the unit's
    /// first.</param>
    /// <param name="info">The structure.</param>
    /// <returns>False when the unit, or the device, has no such structure.</returns>
    public virtual bool TryGetHardwareInfo(Endpoint endpoint, uint type, out HardwareInfo info)
    {
        info = HardwareInfo.None;
        return true;
    }

    /// <summary>
    /// Addresses that are not to be mapped while a device is attached, such as the window of message-signalled
    /// interrupts.
    /// </summary>
    public abstract IReadOnlyList<ReservedRegion> ReservedRegions(Endpoint endpoint);

    /// <summary>The unit's own attributes below <c>/sys/class/iommu/NAME</c>. They never change.</summary>
    public virtual IReadOnlyList<SysfsAttribute> SysfsAttributes => [];

    /// <summary>
    /// The name of a structure of the unit's own kind, for accounts of calls; null for one it does not know.
    /// </summary>
    /// <param name="kind">What it is passed for.</param>
    /// <param name="type">Its type.</param>
    public virtual string? NameOf(UserDataKind kind, uint type) => null;

    /// <summary>Makes the page table of a paging HWPT over a table of mappings, or refuses.</summary>
    /// <param name="endpoint">The device it is made for.</param>
    /// <param name="options">What it must be able to do.</param>
    /// <param name="data">What the unit's kind of table is described by; null when the program says nothing of
    /// it.</param>
    /// <param name="mappings">What it translates by.</param>
    /// <param name="domain">The domain, when the answer is <see cref="IommuStatus.Ok"/>.</param>
    public abstract IommuStatus CreatePagingDomain(
        Endpoint endpoint, PagingDomainOptions options, UserData? data, MappingTable mappings,
        out PagingDomain? domain);

    /// <summary>
    /// Whether first stages are nested on a HWPT itself. If not, only <see cref="Viommu.CreateNestedDomain"/> makes
    /// them, and nesting on a HWPT is not supported, whatever the HWPT is.
    /// </summary>
    public virtual bool NestsOnHwpt => false;

    /// <summary>Makes a page table whose first stage the user owns; only where <see cref="NestsOnHwpt"/>.</summary>
    /// <param name="parent">The second stage: a nest parent of this unit's kind.</param>
    /// <param name="options">Only <see cref="PagingDomainOptions.Pasid"/> is ever asked for.</param>
    /// <param name="data">What the first stage is described by.</param>
    /// <param name="domain">The domain, when the answer is <see cref="IommuStatus.Ok"/>.</param>
    public virtual IommuStatus CreateNestedDomain(
        PagingDomain parent, PagingDomainOptions options, UserData data, out NestedDomain? domain)
    {
        domain = null;
        return IommuStatus.NotSupported;
    }

    /// <summary>Whether a vIOMMU of a kind can be had for a device.</summary>
    public virtual bool HasViommu(Endpoint endpoint, uint type) => false;

    /// <summary>Gives a slice of the unit to a guest.</summary>
    /// <param name="endpoint">The device it is made for.</param>
    /// <param name="type">A kind that <see cref="HasViommu"/> knows.</param>
    /// <param name="parent">The second stage of all that is nested in it.</param>
    /// <param name="data">What it is described by; null when the program says nothing of it.</param>
    /// <param name="host">What it is in the program's eyes.</param>
    /// <param name="viommu">The vIOMMU, when the answer is <see cref="IommuStatus.Ok"/>.</param>
    public virtual IommuStatus CreateViommu(
        Endpoint endpoint, uint type, PagingDomain parent, UserData? data, IViommuHost host, out Viommu? viommu)
    {
        viommu = null;
        return IommuStatus.NotSupported;
    }

    /// <summary>
    /// A device, or a PASID of it, is about to be attached to a domain, or to another than before; the unit may refuse.
    /// To detach cannot be refused, nor what undoes a change that the unit had accepted.
    /// </summary>
    /// <param name="endpoint">The device.</param>
    /// <param name="pasid">Null for its requests without PASID.</param>
    /// <param name="domain">What it will be attached to; null for nothing. A <see cref="ProcessDomain"/>, which may be
    /// any unit's, comes only with a PASID, and where the unit knows PASIDs.</param>
    /// <param name="former">What it is attached to; null for nothing.</param>
    public virtual IommuStatus Attaching(Endpoint endpoint, Pasid? pasid, IommuDomain? domain, IommuDomain? former) =>
        domain is null || Takes(domain) ? IommuStatus.Ok : IommuStatus.Invalid;

    /// <summary>
    /// Whether requests with a PASID that is not attached belong to the nested table of the device's requests without
    /// PASID, because the user owns the PASID table too (Linux: user_pasid_table). The first stage finds the table of
    /// the PASID.
    /// </summary>
    public virtual bool UserOwnsPasidTable => false;

    /// <summary>Page requests of a device were answered; a unit that speaks to the device tells it.</summary>
    public virtual void RespondTo(PageRequestGroup group, PageResponse response)
    {
    }

    /// <summary>
    /// Whether devices behind this unit can be attached to a domain, which may have been made for another unit.
    /// </summary>
    public virtual bool Accepts(IommuDomain domain) => domain.Owner == this;

    /// <summary>
    /// The same for every kind of domain. One that is no unit's table goes with any unit; a process's own address space
    /// takes one that knows PASIDs.
    /// </summary>
    internal bool Takes(IommuDomain domain) =>
        domain.IsOfAnyUnit ? domain is not ProcessDomain || MaxPasidLog2 > 0 : Accepts(domain);

    /// <summary>The unit's own terms for a fault of a request that no first stage refused.</summary>
    public abstract FaultSyndrome SyndromeOf(FaultReason reason, bool isWrite);

    /// <summary>
    /// A request of a device was refused. Called once for each that is recorded, after the access, with no lock held
    /// and on the thread that made the request. A request that the device asked a page for comes only when it gives up.
    /// One that the device's owner kept from being sent (<see cref="Endpoint.Block"/>) never comes.
    /// </summary>
    /// <param name="endpoint">The device.</param>
    /// <param name="fault">The request, and why it was refused.</param>
    public virtual void Report(Endpoint endpoint, in DmaFault fault)
    {
    }
}
