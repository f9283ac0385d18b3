using Ioasis.Core.Dma;
using Ioasis.Core.Faults;
using Ioasis.Core.PageRequests;
using Ioasis.Memory;

namespace Ioasis.Core.Endpoints;

/// <summary>
/// A part of a function, an mdev: its ports are bound to a PASID of its own, and it may be kept from sending, and be
/// reset, apart from the function and its other parts. It sends nothing while the function may not.
/// </summary>
/// <param name="parent">The function.</param>
/// <param name="pasid">The PASID, which no other part has.</param>
public sealed class EndpointPart(Endpoint parent, Pasid pasid) : IBusMaster
{
    private volatile SendBlock? _block; // changed with the parent's lock held

    /// <summary>The function.</summary>
    public Endpoint Parent => parent;

    /// <summary>The PASID that its requests carry.</summary>
    public Pasid Pasid => pasid;

    /// <summary>What the unit knows the function by.</summary>
    public DeviceId Id => parent.Id;

    /// <summary>Nothing: PASIDs, ATS and PRI are the function's.</summary>
    public EndpointFeatures Enabled => EndpointFeatures.None;

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

    Action<Exception>? IBusMaster.CallbackFailed { set => CallbackFailed = value; }

    internal Action<Exception>? CallbackFailed { get; private set; }

    /// <summary>Opens a port for one engine of the part.</summary>
    /// <param name="translations">How many translations the engine could keep: it keeps none.</param>
    /// <param name="defaultPasid">Null: a part has one PASID.</param>
    /// <exception cref="ArgumentException">A PASID was given.</exception>
    public DmaPort OpenPort(int translations = 0, Pasid? defaultPasid = null) =>
        defaultPasid is null
            ? parent.OpenPort(this)
            : throw new ArgumentException("A part of a function has one PASID, which it does not choose.");

    /// <summary>The part was reset: its page requests are answered.</summary>
    public void Reset() => parent.Reset(pasid);

    /// <summary>Sets the block, with the parent's lock held.</summary>
    internal void Show(SendBlock? block) => _block = block;

    /// <summary>As <see cref="Endpoint.RouteOf"/>, for a port of the part.</summary>
    internal TranslationRoute? RouteOf(uint pasidKey) => _block is null ? parent.RouteOf(pasidKey) : null;

    /// <summary>As <see cref="Endpoint.Route"/>, for a port of the part.</summary>
    internal FaultReason Route(Pasid? carried, ulong iova, out TranslationRoute? route)
    {
        route = null;
        return _block is { } block ? block.Reason : parent.Route(carried, iova, out route);
    }

    /// <summary>As <see cref="Endpoint.RequestPage"/>; what the part's callback throws is the part's failure.</summary>
    internal bool RequestPage(in PageRequest request, Action<PageResponse>? answered) =>
        _block is null && parent.RequestPage(in request, response => Tell(answered, response));

    private void Tell(Action<PageResponse>? answered, PageResponse response)
    {
        try { answered?.Invoke(response); }
        catch (Exception e) when (CallbackFailed is { } failed) { failed(e); }
    }
}
