using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Faults;
using Ioasis.Core.PageRequests;
using Ioasis.Memory;

namespace Ioasis.Core.Endpoints;

/// <summary>
/// A part of a function, an mdev: its ports are bound to a PASID of its own, and it may be kept from sending, and be
/// reset, apart from the function and its other parts. It sends nothing while the function may not.
/// </summary>
/// <remarks>
/// A part can have further PASIDs, which its owner attaches. Each has a number that the owner chose, and a PASID of the
/// host. The part's table leads from the number straight to the attachment. So whatever number a request of the part
/// gives, it reaches only what this part's owner attached: no number leads to the part's own PASID, to another part's
/// PASID or to the function's.
/// </remarks>
/// <param name="parent">The function.</param>
/// <param name="pasid">The PASID of requests that give none, which no other part has.</param>
/// <param name="features">What of the function's features the part has; null for nothing.</param>
public sealed class EndpointPart(Endpoint parent, Pasid pasid, EndpointFeatures? features = null) : IBusMaster
{
    private readonly AnswerCallback _callback = new();
    private volatile SendBlock? _block; // changed with the parent's lock held

    /// <summary>The function.</summary>
    public Endpoint Parent => parent;

    /// <summary>The PASID that its requests carry which give none.</summary>
    public Pasid Pasid => pasid;

    /// <summary>What the unit knows the function by.</summary>
    public DeviceId Id => parent.Id;

    /// <summary>
    /// What is enabled of the part, never more than of the function. Its ports keep no translations, ATS or not.
    /// </summary>
    public EndpointFeatures Enabled { get; } = features is null
        ? EndpointFeatures.None
        : new EndpointFeatures
        {
            PasidBits = Math.Min(features.PasidBits, parent.Enabled.PasidBits),
            PasidExecute = features.PasidExecute && parent.Enabled.PasidExecute,
            PasidPrivileged = features.PasidPrivileged && parent.Enabled.PasidPrivileged,
            Ats = features.Ats && parent.Enabled.Ats,
            PageRequests = Math.Min(features.PageRequests, parent.Enabled.PageRequests),
        };

    /// <summary>
    /// Why the part may send no requests, whatever the function may; null when it may. When setting a block returns, no
    /// access of the part is under way, and its page requests are answered.
    /// </summary>
    public SendBlock? Block
    {
        get => _block;
        set => parent.SetBlock(this, value);
    }

    /// <summary>Whether the part and the function may send requests.</summary>
    public bool CanSend => _block is null && parent.CanSend;

    /// <summary>What a number of the owner's is attached to; null for nothing.</summary>
    public IommuDomain? AttachedTo(Pasid number) => Pasids.Find(number.Value)?.Domain;

    /// <summary>What the part's own PASID is attached to, then its owner's PASIDs.</summary>
    /// <param name="most">No more than so many.</param>
    public IReadOnlyList<Attachment> Attachments(int most) => parent.AttachmentsOf(this, most);

    Action<Exception>? IBusMaster.CallbackFailed { set => _callback.Failed = value; }

    /// <summary>What the owner's numbers are attached to. The parent changes it, with its lock held.</summary>
    internal PasidTable Pasids { get; } = new();

    /// <summary>Attaches a number of the owner's that is not attached to anything.</summary>
    /// <param name="number">What requests of the part name it by.</param>
    /// <param name="host">The PASID that such requests carry. No other owner has it.</param>
    /// <param name="domain">What to attach to.</param>
    /// <param name="owner">What the caller wants to find again in a page request.</param>
    /// <param name="attachment">The attachment, when the answer is <see cref="IommuStatus.Ok"/>.</param>
    /// <returns>Busy when the number is attached; what the unit says.</returns>
    public IommuStatus Attach(Pasid number, Pasid host, IommuDomain domain, object? owner, out Attachment? attachment)
    {
        ArgumentNullException.ThrowIfNull(domain);
        return parent.AttachPart(this, number, host, domain, owner, out attachment);
    }

    /// <summary>Opens a port for one engine of the part.</summary>
    /// <param name="translations">How many translations the engine could keep: it keeps none.</param>
    /// <param name="defaultPasid">Null: a part does not choose the PASID of requests that give none.</param>
    /// <exception cref="ArgumentException">A PASID was given.</exception>
    public DmaPort OpenPort(int translations = 0, Pasid? defaultPasid = null) =>
        defaultPasid is null
            ? parent.OpenPort(this)
            : throw new ArgumentException("A part of a function does not choose its own PASID.");

    /// <summary>The part was reset: its page requests are answered.</summary>
    public void Reset() => parent.Reset(this);

    /// <summary>The part progresses, and the function with it (<see cref="Endpoint.Progress"/>).</summary>
    public void Progress(bool mayBeDone) => parent.Progress(mayBeDone);

    /// <summary>Sets the block, with the parent's lock held.</summary>
    internal void Show(SendBlock? block) => _block = block;

    /// <summary>
    /// What translates requests of a port of the part that give no PASID (0), or a number (its value plus 1); null
    /// while they are blocked.
    /// </summary>
    internal TranslationRoute? RouteOf(uint numberKey)
    {
        if (_block is not null) return null;
        if (numberKey == 0) return parent.RouteOf(DmaPort.KeyOf(pasid));
        return parent.CanSend ? Pasids.Find(numberKey - 1)?.Domain.Route : null;
    }

    /// <summary>As <see cref="Endpoint.Route"/>, for a port of the part and a number of its owner's.</summary>
    internal FaultReason Route(Pasid? number, ulong iova, out TranslationRoute? route)
    {
        route = null;
        if (_block is { } block) return block.Reason;
        if (number is not { } given) return parent.Route(pasid, iova, out route);
        if (parent.Block is { } all) return all.Reason;
        route = Pasids.Find(given.Value)?.Domain.Route;
        if (route is null) return FaultReason.NotAttached;
        return iova > route.LastAddress ? FaultReason.BeyondAddressWidth : FaultReason.None;
    }

    /// <summary>
    /// The PASID that a request carries which gives a number of the owner's, or none. The number itself if it is not
    /// attached: the function never sends that.
    /// </summary>
    internal Pasid? Carried(Pasid? number) =>
        number is { } given ? Pasids.Find(given.Value)?.Pasid ?? given : pasid;

    /// <summary>As <see cref="Endpoint.RequestPage"/>; what the part's callback throws is the part's failure.</summary>
    internal bool RequestPage(in PageRequest request, Action<PageResponse>? answered)
    {
        if (_block is not null) return false;
        if (request.Pasid is not { } number)
            return parent.RequestPage(request with { Pasid = pasid }, response => _callback.Tell(answered, response));
        Attachment? attachment = Pasids.Find(number.Value);
        Interleave.At("EndpointPart.AttachmentFound");
        return parent.RequestPageOf(attachment, request with { Pasid = attachment?.Pasid ?? number },
            response => _callback.Tell(answered, response));
    }
}
