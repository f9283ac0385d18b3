namespace Ioasis.Core.Observation;

/// <summary>
/// Sees what happens in a machine, and decides nothing. A trace, a checker or a live page derives one and overrides
/// what it wants to see.
/// </summary>
/// <remarks>
/// <para>The thread that does a thing tells it, so that several calls come at once; <see cref="EventStamp.Sequence"/>
/// puts them in order. A call comes with locks of the machine held. So an observer returns soon, calls nothing of the
/// machine that changes anything, and takes no locks but its own, under which it calls nothing.</para>
/// <para>What gives a translation (map, attach) is told when it can no longer fail. What takes one away (unmap, detach,
/// invalidate, reset) is told before it begins, so that a fault which comes of it is told later.</para>
/// <para>An observer that throws is taken off. Objects in an event identify; they are not to be changed or kept alive
/// for long.</para>
/// </remarks>
public abstract class MachineObserver
{
    /// <summary>The kinds it is told of; the same each time.</summary>
    public virtual EventKinds Kinds => EventKinds.All;

    /// <summary>Memory was mapped.</summary>
    public virtual void OnMap(in MapEvent e)
    {
    }

    /// <summary>Memory is about to be unmapped.</summary>
    public virtual void OnUnmap(in UnmapEvent e)
    {
    }

    /// <summary>A requester ID or a PASID is about to be attached, or moved to another domain.</summary>
    public virtual void OnAttach(in AttachEvent e)
    {
    }

    /// <summary>It is about to be detached.</summary>
    public virtual void OnDetach(in DetachEvent e)
    {
    }

    /// <summary>A first stage's owner is about to invalidate what caches keep of it.</summary>
    public virtual void OnInvalidate(in InvalidateEvent e)
    {
    }

    /// <summary>A device asks for a page.</summary>
    public virtual void OnPageRequest(in PageRequestEvent e)
    {
    }

    /// <summary>A group of page requests is answered.</summary>
    public virtual void OnPageResponse(in PageResponseEvent e)
    {
    }

    /// <summary>A program answered page requests that wait for no answer.</summary>
    public virtual void OnStrayResponse(in StrayResponseEvent e)
    {
    }

    /// <summary>An access was refused. Comes once for each, after the access.</summary>
    public virtual void OnFault(in FaultEvent e)
    {
    }

    /// <summary>A device accessed memory.</summary>
    public virtual void OnDma(in DmaEvent e)
    {
    }

    /// <summary>A device uses a translation that its first stage no longer says.</summary>
    public virtual void OnStaleTranslation(in StaleTranslationEvent e)
    {
    }

    /// <summary>A device is about to be reset.</summary>
    public virtual void OnReset(in ResetEvent e)
    {
    }

    /// <summary>A device is about to be told of a driver's doorbell.</summary>
    public virtual void OnDoorbell(in DoorbellEvent e)
    {
    }

    /// <summary>A device raises an interrupt.</summary>
    public virtual void OnInterrupt(in InterruptEvent e)
    {
    }

    /// <summary>A device was bound to a context.</summary>
    public virtual void OnBind(in BindEvent e)
    {
    }

    /// <summary>A device is about to be unbound.</summary>
    public virtual void OnUnbind(in UnbindEvent e)
    {
    }

    /// <summary>A program opened a node.</summary>
    public virtual void OnOpen(in OpenEvent e)
    {
    }

    /// <summary>A program's call on an open node was answered.</summary>
    internal virtual void OnCall(in CallEvent e)
    {
    }

    /// <summary>A program's call on an open node was answered; to be counted.</summary>
    public virtual void OnAnswered(in AnsweredEvent e)
    {
    }

    /// <summary>Something is about to go wrong because an injector says so.</summary>
    public virtual void OnInject(in InjectEvent e)
    {
    }

    /// <summary>A device is about to show its driver something.</summary>
    public virtual void OnProgress(in ProgressEvent e)
    {
    }

    /// <summary>An mdev was created, or is about to go.</summary>
    public virtual void OnMdev(in MdevEvent e)
    {
    }

    /// <summary>An open node is about to be closed.</summary>
    public virtual void OnClose(in CloseEvent e)
    {
    }
}
