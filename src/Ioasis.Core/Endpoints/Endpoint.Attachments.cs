using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Observation;
using Ioasis.Core.PageRequests;
using Ioasis.Memory;

namespace Ioasis.Core.Endpoints;

/// <summary>What the device and its PASIDs are attached to.</summary>
public sealed partial class Endpoint
{
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
}
