using Ioasis.Core.DmaApi;
using Ioasis.Core.Domains;
using Ioasis.Core.Iovas;
using Ioasis.Core.Units;
using Ioasis.Memory;

namespace Ioasis.Core.Endpoints;

/// <summary>The type of the group's default domain, and how the domain is made.</summary>
public sealed partial class IommuGroup
{
    private DefaultDomains? _domains; // of the machine; guarded by the lock
    private volatile DmaDomain? _dma; // what drivers map into, if the default domain was made by type
    private List<IovaRange> _direct = []; // what the default domain maps for the members; guarded by the lock

    /// <summary>
    /// What drivers in the host map into: the default domain, unless that is blocking or was set otherwise than by
    /// type. It stays the same while a driver has a claim.
    /// </summary>
    internal DmaDomain? Dma => _dma;

    /// <summary>The type of the default domain; null if there is none.</summary>
    public DomainType? Type
    {
        get { using (_lock.Enter()) return TypeLocked; }
    }

    /// <summary>
    /// The reserved addresses of all members, in order. Regions of one kind that touch are one, as on Linux.
    /// </summary>
    public IReadOnlyList<ReservedRegion> ReservedRegions => ReservedRegion.Merge(
        Endpoints.SelectMany(endpoint => endpoint.Unit.ReservedRegions(endpoint)));

    private DomainType? TypeLocked => DefaultDomain switch
    {
        null => null,
        BlockingDomain => DomainType.Blocked,
        IdentityDomain => DomainType.Identity,
        _ => _dma is { IsLazy: true } ? DomainType.DmaFlushQueue : DomainType.Dma,
    };

    /// <summary>
    /// Gives the group the default domain that its machine's description chooses. Called after each member has joined:
    /// a later member is put on the domain that is there.
    /// </summary>
    /// <param name="domains">What the machine's default domains have in common.</param>
    /// <returns>What a unit says. The group is without a default domain then, and its members are blocked.</returns>
    internal IommuStatus SetUp(DefaultDomains domains)
    {
        ArgumentNullException.ThrowIfNull(domains);
        using (_lock.Enter())
        {
            _domains = domains;
            DomainType type = ForcedType ?? domains.BootType;
            bool isKept = DefaultDomain is not null && (_owners.Count != 0 || TypeLocked == type);
            if (!isKept) return Change(type);
            if (_dma is { } dma) Prepare(dma, _direct);
            return Rest(DefaultDomain);
        }
    }

    /// <summary>
    /// Changes the type of the default domain, as a write to <c>type</c> does (Linux: iommu_group_store_type).
    /// </summary>
    /// <param name="requested">The type; null for that of the machine's description.</param>
    /// <returns>
    /// Invalid if there is no default domain, or if a member forces another type. NotPermitted while somebody has a
    /// claim on the group, or a PASID is attached. One change is possible even then: from <see cref="DomainType.Dma"/>
    /// to <see cref="DomainType.DmaFlushQueue"/>, because the domain stays.
    /// </returns>
    public IommuStatus SetType(DomainType? requested)
    {
        using (_lock.Enter())
        {
            if (_domains is null || DefaultDomain is null || requested == DomainType.Blocked)
                return IommuStatus.Invalid;
            if (requested == DomainType.DmaFlushQueue && TypeLocked == DomainType.Dma)
            {
                if (_dma is null) return IommuStatus.Invalid;
                _dma.UseFlushQueue();
                return IommuStatus.Ok;
            }

            if (Endpoints.Count == 0 || IsInUse) return IommuStatus.NotPermitted;
            DomainType? forced = ForcedType;
            if (requested is not null && forced is not null && requested != forced) return IommuStatus.Invalid;
            DomainType type = requested ?? forced ?? _domains.BootType;
            return type == TypeLocked ? IommuStatus.Ok : Change(type);
        }
    }

    /// <summary>Whether somebody counts on the default domain.</summary>
    private bool IsInUse => _owners.Count != 0 || Endpoints.Any(endpoint => endpoint.HasPasids);

    /// <summary>The only type that a member can have: an untrusted device is always translated, and strictly.</summary>
    private DomainType? ForcedType => Endpoints.Any(endpoint => endpoint.IsUntrusted) ? DomainType.Dma : null;

    /// <summary>
    /// Whether a member needs memory at fixed addresses whoever has it, so that it must never be blocked (Linux:
    /// require_direct).
    /// </summary>
    private bool RequiresDirect => Endpoints.Any(endpoint =>
        endpoint.Unit.ReservedRegions(endpoint).Any(region => region.Kind == ReservedKind.Direct));

    /// <summary>Makes a domain of a type and moves the members there. With the lock held.</summary>
    private IommuStatus Change(DomainType type)
    {
        IommuUnit unit = Endpoints[0].Unit;
        List<IovaRange> direct = [];
        DmaDomain? dma = null;
        IommuDomain? domain = null;
        IommuStatus status = IommuStatus.Ok;
        if (type == DomainType.Blocked) domain = new BlockingDomain(unit);
        else if (type == DomainType.Identity) dma = DmaDomain.CreateIdentity(unit, _domains!.Memory);
        // A unit whose smallest page is larger than the host's cannot map a page for a driver.
        else if ((unit.PageSizes & IovaAllocator.HostPageSize) == 0) status = IommuStatus.NotSupported;
        else status = DmaDomain.Create(Endpoints[0], type == DomainType.DmaFlushQueue, out dma);
        if (status != IommuStatus.Ok) return status;
        if (dma is not null) Prepare(dma, direct);
        status = Rest(domain ?? dma!.Domain);
        if (status == IommuStatus.Ok) (_dma, _direct) = (dma, direct);
        return status;
    }

    /// <summary>
    /// Maps the direct regions of the members, and keeps addresses from being given out: what the members' units
    /// reserve, and the windows of BARs. (A space never gives page 0 out.)
    /// </summary>
    private void Prepare(DmaDomain dma, List<IovaRange> direct)
    {
        if (dma.Iovas is not { } iovas) return;
        foreach (Endpoint endpoint in Endpoints) dma.Reserve(endpoint);
        foreach (IovaRange window in _domains!.Windows)
            if (window.First <= iovas.Last) iovas.Reserve(window);
        MapDirectRegions((PagingDomain)dma.Domain, direct);
    }

    /// <summary>
    /// Maps the direct regions of the members where the memory itself is, before a member is attached: the device may
    /// use them at any time (Linux: iommu_create_device_direct_mappings).
    /// </summary>
    private void MapDirectRegions(PagingDomain domain, List<IovaRange> mapped)
    {
        var memory = new WholeMemory(_domains!.Memory);
        ulong lastPossible = Math.Min(domain.Aperture.Last, WholeMemory.Addresses.Last);
        foreach (ReservedRegion region in ReservedRegions)
        {
            if (!region.IsDirect) continue;
            ulong inPage = domain.Mappings.PageSize - 1;
            ulong first = region.Range.First & ~inPage, last = region.Range.Last | inPage;
            foreach (IovaRange other in mapped.Where(other => other.First <= last).OrderBy(other => other.First)
                .ToArray())
            {
                if (other.Last < first) continue;
                if (other.First > first) Map(first, other.First - 1);
                first = other.Last + 1;
            }

            if (first <= last) Map(first, last);
        }

        void Map(ulong first, ulong last)
        {
            if (last > lastPossible) return; // the domain has no such address
            var range = new IovaRange(first, last);
            domain.Mappings.Map(range, memory, first, MapAccess.ReadWrite);
            mapped.Add(range);
        }
    }
}
