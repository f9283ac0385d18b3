using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Faults;
using Ioasis.Core.Units;
using Ioasis.Memory;

namespace Ioasis.Core.Endpoints;

/// <summary>
/// A function behind an IOMMU: what its requester ID and its PASIDs are attached to. Not attached means blocked: no access goes
/// through.
/// </summary>
public sealed class Endpoint
{
    // Guards attachments, ports and the bus-master bit against each other's changes. Taken before a mapping table's lock.
    // Translation reads what it guards without it.
    private readonly Lock _lock = new();
    private volatile IommuDomain? _domain;
    private volatile Dictionary<uint, IommuDomain> _pasids = []; // never changed, only replaced
    private volatile bool _busMaster;
    private volatile TranslationRoute? _ridRoute; // of requests without PASID; null while they are blocked
    private DmaPort[] _ports = [];

    /// <summary>Puts a function behind a unit, into a group.</summary>
    public Endpoint(RequesterId requester, IommuUnit unit, IommuGroup group)
    {
        Requester = requester;
        Unit = unit;
        Group = group;
        group.Add(this);
    }

    /// <summary>Its requester ID.</summary>
    public RequesterId Requester { get; }

    /// <summary>The unit that translates for it.</summary>
    public IommuUnit Unit { get; }

    /// <summary>The group it is in.</summary>
    public IommuGroup Group { get; }

    /// <summary>How many PASID bits the function itself can send; 0 when it has no PASID capability.</summary>
    public int MaxPasidLog2 { get; init; }

    /// <summary>How many ports are open.</summary>
    public int OpenPorts
    {
        get { lock (_lock) return _ports.Length; }
    }

    /// <summary>
    /// Whether the function may send requests at all (PCI command register, bit 2). When clearing it returns, none is under way.
    /// </summary>
    public bool BusMaster
    {
        get => _busMaster;
        set
        {
            lock (_lock)
            {
                if (_busMaster == value) return;
                _busMaster = value;
                UpdateRoute();
                if (!value) DmaPort.Quiesce(_ports);
            }
        }
    }

    /// <summary>Opens a port for one engine of the function.</summary>
    public DmaPort OpenPort()
    {
        lock (_lock)
        {
            var port = new DmaPort(this);
            _ports = [.. _ports, port];
            _domain?.Mappings.AddPort(port);
            foreach (IommuDomain domain in _pasids.Values) domain.Mappings.AddPort(port);
            return port;
        }
    }

    /// <summary>What the requester ID is attached to.</summary>
    public IommuDomain? Attached => _domain;

    /// <summary>What a PASID is attached to.</summary>
    public IommuDomain? AttachedTo(Pasid pasid) => _pasids.GetValueOrDefault(pasid.Value);

    /// <summary>
    /// Changes what the requester ID (<paramref name="pasid"/> null) or a PASID is attached to: null detaches, and a change from one
    /// domain to another leaves no gap between them. When this returns, no access uses the former domain any more.
    /// </summary>
    public void Attach(Pasid? pasid, IommuDomain? domain)
    {
        lock (_lock)
        {
            IommuDomain? former = pasid is { } p ? AttachedTo(p) : _domain;
            if (domain == former) return;
            if (domain is not null)
                foreach (DmaPort port in _ports) domain.Mappings.AddPort(port);

            if (pasid is { } id)
            {
                var pasids = new Dictionary<uint, IommuDomain>(_pasids);
                if (domain is null) pasids.Remove(id.Value); else pasids[id.Value] = domain;
                _pasids = pasids;
            }
            else
            {
                _domain = domain;
            }

            UpdateRoute();
            if (former is null) return; // a port keeps no entry of a blocked requester
            DmaPort.Quiesce(_ports);
            foreach (DmaPort port in _ports) former.Mappings.RemovePort(port);
        }
    }

    /// <summary>Which table translates requests without PASID (0) or with one (its value plus 1); null while they are blocked.</summary>
    internal TranslationRoute? RouteOf(uint pasidKey)
    {
        if (pasidKey == 0) return _ridRoute;
        return _busMaster && _pasids.TryGetValue(pasidKey - 1, out IommuDomain? domain) ? domain.Route : null;
    }

    /// <summary>What translates an address; or why nothing does.</summary>
    internal FaultReason Route(Pasid? pasid, ulong iova, out TranslationRoute? route)
    {
        IommuDomain? domain = pasid is { } p ? AttachedTo(p) : _domain;
        route = domain?.Route;
        if (!_busMaster) return FaultReason.BusMasterDisabled;
        if (domain is null) return FaultReason.NotAttached;
        return iova > Unit.Aperture.Last ? FaultReason.BeyondAddressWidth : FaultReason.None;
    }

    private void UpdateRoute() => _ridRoute = _busMaster ? _domain?.Route : null;

    internal void ClosePort(DmaPort port)
    {
        lock (_lock)
        {
            _ports = [.. _ports.Where(p => p != port)];
            _domain?.Mappings.RemovePort(port);
            foreach (IommuDomain domain in _pasids.Values) domain.Mappings.RemovePort(port);
        }
    }
}
