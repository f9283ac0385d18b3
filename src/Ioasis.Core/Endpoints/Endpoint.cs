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
    /// What requests without PASID are translated by: what an owner attached, or the default domain of the group.
    /// </summary>
    public IommuDomain? Attached => _rid?.Domain;

    /// <summary>What a PASID is attached to.</summary>
    public IommuDomain? AttachedTo(Pasid pasid) => _pasids.Find(pasid.Value)?.Domain;

    /// <summary>
    /// What is attached at this moment: requests without PASID first, then PASIDs in ascending order, those of parts
    /// included.
    /// </summary>
    /// <param name="most">No more than so many.</param>
    public IReadOnlyList<Attachment> Attachments(int most)
    {
        using (_lock.Enter())
            return [.. (_rid is { } rid ? _pasids.All.Prepend(rid) : _pasids.All)
                .Concat(_parts.SelectMany(p => p.Pasids.All)).Take(most)];
    }

    /// <summary>The same for a part.</summary>
    internal IReadOnlyList<Attachment> AttachmentsOf(EndpointPart part, int most)
    {
        using (_lock.Enter())
            return [.. (_pasids.Find(part.Pasid.Value) is { } own ? part.Pasids.All.Prepend(own) : part.Pasids.All)
                .Take(most)];
    }

    /// <summary>Whether an owner has attached anything.</summary>
    internal bool HasAttachments => _rid is { IsDefault: false } || HasPasids;

    /// <summary>Whether a PASID is attached.</summary>
    internal bool HasPasids => _pasids.All.Any() || _parts.Length != 0;

    /// <summary>
    /// Attaches the requester ID, or a PASID, that is not attached to anything (Linux: iommu_attach_device_pasid).
    /// </summary>
    /// <param name="pasid">Null for requests without PASID.</param>
    /// <param name="domain">What to attach to.</param>
    /// <param name="owner">What the caller wants to find again in a page request.</param>
    /// <param name="attachment">The attachment, when the answer is <see cref="IommuStatus.Ok"/>: only who has it can
    /// replace or detach it.</param>
    /// <param name="pageRequests">What answers its page requests; null: the domain's handler.</param>
    /// <returns>Busy when it is attached; Invalid for a process's domain without PASID; what the unit says.</returns>
    public IommuStatus Attach(
        Pasid? pasid, IommuDomain domain, object? owner, out Attachment? attachment,
        IPageRequestHandler? pageRequests = null)
    {
        ArgumentNullException.ThrowIfNull(domain);
        return Exchange(new Sender(pasid), null, domain, owner, out attachment, pageRequests);
    }

    /// <summary>
    /// Moves an attachment to another domain without a gap between them (Linux: iommu_replace_device_pasid). When this
    /// returns, no access uses the former domain any more, and its page requests are answered.
    /// </summary>
    /// <param name="former">The attachment.</param>
    /// <param name="domain">What to attach to; the same as before, nothing happens.</param>
    /// <param name="owner">As in <see cref="Attach"/>.</param>
    /// <param name="attachment">The attachment from now on, when the answer is <see cref="IommuStatus.Ok"/>.</param>
    /// <param name="pageRequests">As in <see cref="Attach"/>.</param>
    /// <returns>Busy when <paramref name="former"/> is not attached any more; Invalid; what the unit says.</returns>
    public IommuStatus Replace(
        Attachment former, IommuDomain domain, object? owner, out Attachment? attachment,
        IPageRequestHandler? pageRequests = null)
    {
        ArgumentNullException.ThrowIfNull(former);
        ArgumentNullException.ThrowIfNull(domain);
        return Exchange(former.Sender, former, domain, owner, out attachment, pageRequests);
    }

    /// <summary>
    /// Ends an attachment. The requests are blocked then; those without PASID go to the default domain of the group
    /// where drivers in the host, or nobody, have it (Linux: iommu_detach_device_pasid, iommu_detach_device). When this
    /// returns, no access uses the former domain any more, and its page requests are answered.
    /// </summary>
    /// <returns>False, with nothing done, when it is not attached any more.</returns>
    public bool Detach(Attachment attachment)
    {
        ArgumentNullException.ThrowIfNull(attachment);
        return Exchange(attachment.Sender, attachment, null, null, out _) == IommuStatus.Ok;
    }

    /// <summary>
    /// Puts requests without PASID on the default domain of the group, or blocks them, unless an owner has attached
    /// something: that owner's detaching then does. With the group's lock held.
    /// </summary>
    /// <param name="domain">The default domain; null to block.</param>
    internal IommuStatus Rest(IommuDomain? domain)
    {
        Attachment? former;
        using (_lock.Enter())
        {
            former = _rid;
            if (former is { IsDefault: false } || former?.Domain == domain) return IommuStatus.Ok;
            IommuStatus status = Move(default, former, domain, Group, isDefault: true, out _);
            if (status != IommuStatus.Ok) return status;
        }

        former?.End();
        return IommuStatus.Ok;
    }

    /// <summary>
    /// Attaches to <paramref name="domain"/>, or detaches where it is null, if <paramref name="former"/> is the owner's
    /// attachment now (null: no owner has one).
    /// </summary>
    private IommuStatus Exchange(
        Sender sender, Attachment? former, IommuDomain? domain, object? owner, out Attachment? attachment,
        IPageRequestHandler? pageRequests = null)
    {
        attachment = null;
        Attachment? ended;
        Pasid? pasid = sender.Pasid;
        using (_lock.Enter())
        {
            ended = sender.Part is { } part ? part.Pasids.Find(sender.Number!.Value.Value) : AttachmentOf(pasid);
            if ((ended is { IsDefault: true } ? null : ended) != former)
                return IommuStatus.Busy.Because(
                    "the device, or this PASID of it, is attached already, or was moved meanwhile");
            if (domain == former?.Domain)
            {
                attachment = former;
                return IommuStatus.Ok;
            }

            if (domain is ProcessDomain && (pasid is null || !Unit.Takes(domain))) return IommuStatus.Invalid;
            if (domain is null && pasid is null && Group.Resting is { } resting
                && Move(default, ended, resting, Group, isDefault: true, out _) == IommuStatus.Ok) domain = resting;
            else
            {
                IommuStatus status =
                    Move(sender, ended, domain, owner, isDefault: false, out attachment, pageRequests);
                if (status != IommuStatus.Ok) return status;
            }
        }

        ended?.End();
        return IommuStatus.Ok;
    }

    /// <summary>
    /// Moves requests from one attachment to another, or blocks them. To block cannot be refused. The caller holds the
    /// lock, and ends the former attachment without it.
    /// </summary>
    private IommuStatus Move(
        Sender sender, Attachment? from, IommuDomain? domain, object? owner, bool isDefault, out Attachment? to,
        IPageRequestHandler? pageRequests = null)
    {
        to = null;
        Pasid? pasid = sender.Pasid;
        DmaPort[] ports = PortsOf(sender.Part);
        IommuStatus status = Unit.Attaching(this, pasid, domain, from?.Domain);
        if (status != IommuStatus.Ok && domain is not null) return status;
        if (Observers.Want(EventKinds.Attach | EventKinds.Detach)) TellMove(pasid, from, domain, owner);
        if (domain is not null)
        {
            domain.Attaching();
            foreach (DmaPort port in ports) domain.Mappings.AddPort(port);
            to = new Attachment(this, sender, domain, owner, pageRequests) { IsDefault = isDefault };
        }

        TranslationRoute? byUser = _userRoute; // until now
        Enter(sender, to);
        UpdateRoutes();
        // ports keep nothing of the blocked
        if (from is null && (pasid is null || byUser is null)) return IommuStatus.Ok;
        foreach (DmaPort port in ports)
        {
            port.DeviceTlb?.Invalidate(DmaPort.KeyOf(pasid));
            if (pasid is null && byUser is not null) port.DeviceTlb?.Invalidate(byUser, 0, ulong.MaxValue);
        }

        DmaPort.Quiesce(ports);
        if (from is null) return IommuStatus.Ok;
        if (from.Domain is FirstStageDomain firstStage) firstStage.OnDetached(this, pasid);
        foreach (DmaPort port in ports) from.Domain.Mappings.RemovePort(port);
        return IommuStatus.Ok;
    }

    private void TellMove(Pasid? pasid, Attachment? from, IommuDomain? domain, object? owner)
    {
        if (domain is not null)
            Observers.Tell(new AttachEvent(Observers.Stamp(), this, pasid, domain, from?.Domain, owner));
        else if (from is not null)
            Observers.Tell(new DetachEvent(Observers.Stamp(), this, pasid, from.Domain, from.Owner));
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
