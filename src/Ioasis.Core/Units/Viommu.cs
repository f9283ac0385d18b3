using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Injection;
using Ioasis.Core.Observation;

namespace Ioasis.Core.Units;

/// <summary>
/// The slice of a unit that a guest gets (Linux: struct iommufd_viommu). It knows devices by the guest's numbers: it
/// invalidates by them and reports events with them. A kind of unit derives its own and overrides what it supports.
/// </summary>
public abstract class Viommu
{
    /// <summary>Makes one.</summary>
    /// <param name="host">The part that is the same for all kinds of unit.</param>
    /// <param name="parent">The second stage of everything that is nested in it.</param>
    protected Viommu(IViommuHost host, PagingDomain parent)
    {
        Host = host;
        Parent = parent;
    }

    /// <summary>Its virtual devices, event queues and mappable memory: the same for all kinds of unit.</summary>
    public IViommuHost Host { get; }

    /// <summary>The second stage of everything that is nested in it.</summary>
    public PagingDomain Parent { get; }

    /// <summary>Makes a nested page table that belongs to the vIOMMU.</summary>
    /// <param name="options">Only <see cref="PagingDomainOptions.Pasid"/> is requested.</param>
    /// <param name="data">A description of the table in the unit's own structure.</param>
    /// <param name="domain">The table, if the status is <see cref="IommuStatus.Ok"/>.</param>
    public virtual IommuStatus CreateNestedDomain(PagingDomainOptions options, UserData data, out NestedDomain? domain)
    {
        domain = null;
        return IommuStatus.NotSupported;
    }

    /// <summary>Does invalidations, in their order.</summary>
    /// <param name="entries">The invalidations.</param>
    /// <param name="done">How many were done; all of them if the status is <see cref="IommuStatus.Ok"/>.</param>
    public IommuStatus Invalidate(UserDataArray entries, out int done)
    {
        ArgumentNullException.ThrowIfNull(entries);
        Observers observers = Parent.Owner.Observers;
        if (observers.Want(EventKinds.Invalidate))
            observers.Tell(new InvalidateEvent(observers.Stamp(), null, this, entries.Type, entries.Count));
        if (Parent.Owner.Injector is { } injector && InjectedInvalidation.IsDropped(injector))
        {
            done = entries.Count;
            return IommuStatus.Ok;
        }

        return DropCaches(entries, out done);
    }

    /// <summary>Does what <see cref="Invalidate"/> says.</summary>
    /// <inheritdoc cref="Invalidate"/>
    protected virtual IommuStatus DropCaches(UserDataArray entries, out int done)
    {
        done = 0;
        return IommuStatus.NotSupported;
    }

    /// <summary>
    /// To be called after caches that the vIOMMU keeps were dropped: empties what ports keep of its second stage and of
    /// everything nested in it. When it returns, no access uses what was dropped, one in flight included.
    /// </summary>
    protected void Flush() => Parent.Mappings.Flush();

    /// <summary>A device of the guest is about to be added to the vIOMMU; the unit may refuse it.</summary>
    /// <param name="endpoint">The device.</param>
    /// <param name="virtualId">The guest's number for it.</param>
    public virtual IommuStatus AddDevice(Endpoint endpoint, ulong virtualId) => IommuStatus.Ok;

    /// <summary>Removes a device that <see cref="AddDevice"/> accepted.</summary>
    public virtual void RemoveDevice(Endpoint endpoint, ulong virtualId)
    {
    }

    /// <summary>Whether it has hardware queues of a type.</summary>
    public virtual bool HasQueues(uint type) => false;

    /// <summary>
    /// Gives a hardware queue to the guest; its memory is pinned until <see cref="HwQueue.Destroy"/>.
    /// </summary>
    /// <param name="request">The queue and its memory.</param>
    /// <param name="queue">The queue, if the status is <see cref="IommuStatus.Ok"/>.</param>
    public virtual IommuStatus CreateQueue(in HwQueueRequest request, out HwQueue? queue)
    {
        queue = null;
        return IommuStatus.NotSupported;
    }

    /// <summary>Releases its resources. Nothing is nested in it, attached to it or queued for it by now.</summary>
    public virtual void Destroy()
    {
    }
}
