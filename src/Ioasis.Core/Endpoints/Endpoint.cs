using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Faults;
using Ioasis.Core.Injection;
using Ioasis.Core.Observation;
using Ioasis.Core.PageRequests;
using Ioasis.Core.Units;
using Ioasis.Memory;
using Ioasis.Memory.Threads;

namespace Ioasis.Core.Endpoints;

/// <summary>
/// A device behind an IOMMU: what its requests, without PASID and with each PASID, are attached to. Not attached means
/// blocked: no access goes through.
/// </summary>
public sealed partial class Endpoint : IBusMaster
{
    // Guards attachments, ports and whether the device may send, against each other's changes. Taken before a mapping
    // table's lock. Translation reads what it guards without it.
    private readonly RankedLock _lock = new(LockRank.Endpoint);
    private readonly OutstandingRequests _requests;
    private readonly PasidTable _pasids = new();
    private readonly EndpointFeatures _features = EndpointFeatures.None;
    private volatile Attachment? _rid;
    private volatile SendBlock? _block;

    // Of requests with a PASID that is not attached, where the user owns the PASID table; null while they are blocked.
    private volatile TranslationRoute? _userRoute;
    private DmaPort[] _ports = [];

    /// <summary>Puts a device behind a unit, into a group.</summary>
    public Endpoint(DeviceId id, IommuUnit unit, IommuGroup group)
    {
        _requests = new OutstandingRequests(this);
        Id = id;
        Unit = unit;
        Group = group;
        group.Add(this);
    }

    /// <summary>What the unit knows the device by.</summary>
    public DeviceId Id { get; }

    /// <summary>The unit that translates for it.</summary>
    public IommuUnit Unit { get; }

    /// <summary>The observers of what it does.</summary>
    public Observers Observers => Unit.Observers;

    /// <summary>The group it is in.</summary>
    public IommuGroup Group { get; }

    /// <summary>
    /// Whether the host does not trust the device, as one at an external port. Its default domain is always translated
    /// and strict.
    /// </summary>
    public bool IsUntrusted { get; init; }

    /// <summary>What the device can do.</summary>
    public EndpointFeatures Features
    {
        get => _features;
        init
        {
            _features = value;
            Enabled = Unit.Enable(value);
        }
    }

    /// <summary>What of it is enabled, and so what it does.</summary>
    public EndpointFeatures Enabled { get; private init; } = EndpointFeatures.None;

    /// <summary>How many PASID bits it may use; 0 for no PASIDs.</summary>
    public int MaxPasidLog2 => Enabled.PasidBits;

    /// <summary>
    /// How many of its page requests have no answer yet; never more than <see cref="EndpointFeatures.PageRequests"/>.
    /// </summary>
    public int OutstandingPageRequests => _requests.Count;

    /// <summary>How many ports are open.</summary>
    public int OpenPorts
    {
        get { using (_lock.Enter()) return _ports.Length; }
    }

    /// <summary>
    /// Why the device may send no requests; null when it may. The device's owner decides. When setting a block returns,
    /// no access is under way, and the device's page requests are answered.
    /// </summary>
    public SendBlock? Block
    {
        get => _block;
        set
        {
            using (_lock.Enter())
            {
                if (_block == value) return;
                _block = value;
                UpdateRoutes();
                _requests.SetStopped(value is not null);
                if (value is not null) DmaPort.Quiesce(_ports);
            }

            if (value is not null) _requests.Drain();
        }
    }

    /// <summary>Whether the device may send requests.</summary>
    public bool CanSend => _block is null;

    /// <summary>
    /// How often its engines found a translation that they keep by themselves, and how often they had to ask. Both 0
    /// without ATS.
    /// </summary>
    public (long Hits, long Misses) DeviceTranslations
    {
        get
        {
            using (_lock.Enter())
                return (_ports.Sum(p => p.DeviceTlb?.Hits ?? 0), _ports.Sum(p => p.DeviceTlb?.Misses ?? 0));
        }
    }

    /// <summary>Opens a port for one engine of the function.</summary>
    /// <param name="translations">How many translations the engine can keep by itself, if ATS is enabled; 0 for
    /// none.</param>
    /// <param name="defaultPasid">
    /// What the port is bound to: the PASID that its requests carry which give none. Null: they carry none.
    /// </param>
    public DmaPort OpenPort(int translations = 0, Pasid? defaultPasid = null)
    {
        using (_lock.Enter())
        {
            DeviceTlb? deviceTlb = Enabled.Ats && translations > 0 ? new DeviceTlb(translations) : null;
            return Add(new DmaPort(this, deviceTlb, defaultPasid));
        }
    }

    /// <summary>
    /// The function was reset: what it kept of translations is gone, and its page requests are answered.
    /// </summary>
    public void Reset()
    {
        using (_lock.Enter())
            foreach (DmaPort port in _ports) port.DeviceTlb?.Flush();
        _requests.Drain();
    }

    /// <summary>
    /// What sends a PASID of the function's was reset: what the function kept of the PASID's translations is gone, and
    /// its page requests are answered. All else stays.
    /// </summary>
    public void Reset(Pasid pasid)
    {
        using (_lock.Enter())
            foreach (DmaPort port in _ports) port.DeviceTlb?.Invalidate(DmaPort.KeyOf(pasid));
        _requests.Drain(pasid);
    }

    /// <summary>
    /// Invalidates translations that the device keeps by itself (ATS), for units that are told so by device. When it
    /// returns, no access uses them, one in flight included.
    /// </summary>
    /// <param name="pasid">The PASID that they are for; null for requests without one.</param>
    /// <param name="range">Their addresses.</param>
    public void InvalidateDeviceTlb(Pasid? pasid, IovaRange range)
    {
        using (_lock.Enter())
        {
            foreach (DmaPort port in _ports)
                port.DeviceTlb?.Invalidate(DmaPort.KeyOf(pasid), range.First, range.Last);
            DmaPort.Quiesce(_ports);
        }
    }

    /// <summary>
    /// The function asks for pages. The last request of a group brings all of it to who answers for the page table of
    /// its PASID; when nobody does, the answer is <see cref="PageResponse.Invalid"/> (Linux:
    /// iommu_report_device_fault).
    /// </summary>
    /// <param name="request">The request.</param>
    /// <param name="answered">Is called once with the answer to a group, if this is its last request, by whoever
    /// answers, perhaps before this returns.</param>
    /// <returns>False when it was not sent, and will not be answered: the function may send none now, or has as many
    /// unanswered as it may.</returns>
    public bool RequestPage(in PageRequest request, Action<PageResponse>? answered = null) =>
        RequestPageOf(HandlerOf(request.Pasid), in request, answered);

    /// <summary>As above, for the attachment that the request belongs to; null for none.</summary>
    internal bool RequestPageOf(Attachment? found, in PageRequest request, Action<PageResponse>? answered)
    {
        if (Unit.Injector is { } injector && CanSend && Enabled.PageRequests != 0
            && injector.Decide(InjectedFaults.PageRequestOverflow, this) != InjectedFaults.None)
            return _requests.Overflow(in request, answered);
        if (found is not { PageRequests: { } handler } attachment)
            return CanSend && Enabled.PageRequests != 0 && _requests.Refuse(in request, answered);

        Interleave.At("Endpoint.HandlerFound");
        if (!request.IsLast) return _requests.TryAdd(attachment, in request, Enabled.PageRequests);
        PageRequestGroup? group = _requests.TryComplete(attachment, request, Enabled.PageRequests, answered);
        if (group is null) return false;
        handler.Handle(group);
        return true;
    }

    /// <summary>
    /// An attachment has ended: of its page requests those whose group is not complete are forgotten.
    /// </summary>
    internal void Forget(Attachment attachment) => _requests.Forget(attachment);

    /// <summary>
    /// An access was refused for good, and is over: every fault becomes known here, once.
    /// </summary>
    internal void Report(in DmaFault fault)
    {
        Observers.Tell(new FaultEvent(Observers.Stamp(), this, fault));
        if (fault.ReachedUnit) Unit.Report(this, in fault);
    }

    Action<Exception>? IBusMaster.CallbackFailed { set => _requests.Callback.Failed = value; }

    /// <summary>Calls the function back with an answer.</summary>
    internal void Tell(Action<PageResponse>? answered, PageResponse response) =>
        _requests.Callback.Tell(answered, response);

    /// <summary>A group of page requests has its answer.</summary>
    internal void Answered(PageRequestGroup group, PageResponse response) => _requests.Remove(group, response);

    /// <summary>
    /// The attachment that requests belong to: a PASID's own, or that of the requester ID where the user owns the PASID
    /// table.
    /// </summary>
    internal Attachment? HandlerOf(Pasid? pasid) =>
        AttachmentOf(pasid) ?? (pasid is not null && Unit.UserOwnsPasidTable
            && _rid is { Domain: NestedDomain } nested ? nested : null);

    /// <summary>The attachment of the requester ID (null) or of a PASID; null for none.</summary>
    internal Attachment? AttachmentOf(Pasid? pasid) => pasid is { } id ? _pasids.Find(id.Value) : _rid;

    /// <summary>
    /// Which table translates requests without PASID (0) or with one (its value plus 1); null while they are blocked.
    /// </summary>
    internal TranslationRoute? RouteOf(uint pasidKey)
    {
        if (_block is not null) return null;
        if (pasidKey == 0) return _rid?.Domain.Route;
        return _pasids.Find(pasidKey - 1) is { } attachment ? attachment.Domain.Route : _userRoute;
    }

    /// <summary>What translates an address; or why nothing does.</summary>
    internal FaultReason Route(Pasid? pasid, ulong iova, out TranslationRoute? route)
    {
        route = null;
        if (_block is { } block) return block.Reason;
        route = AttachmentOf(pasid) is { } attachment ? attachment.Domain.Route : pasid is null ? null : _userRoute;
        if (route is null) return FaultReason.NotAttached;
        return iova > route.LastAddress ? FaultReason.BeyondAddressWidth : FaultReason.None;
    }

    private DmaPort Add(DmaPort port)
    {
        port.UpdateRoute();
        _ports = [.. _ports, port];
        Observers.Add(port);
        _rid?.Domain.Mappings.AddPort(port);
        foreach (Attachment attachment in PasidsOf(port)) attachment.Domain.Mappings.AddPort(port);
        return port;
    }

    private void UpdateRoutes()
    {
        bool owns = _block is null && MaxPasidLog2 > 0 && Unit.UserOwnsPasidTable;
        _userRoute = owns && _rid is { Domain: NestedDomain nested } ? nested.Route : null;
        foreach (DmaPort port in _ports) port.UpdateRoute();
    }

    internal void ClosePort(DmaPort port)
    {
        using (_lock.Enter())
        {
            _ports = [.. _ports.Where(p => p != port)];
            Observers.Remove(port);
            _rid?.Domain.Mappings.RemovePort(port);
            foreach (Attachment attachment in PasidsOf(port)) attachment.Domain.Mappings.RemovePort(port);
        }
    }
}
