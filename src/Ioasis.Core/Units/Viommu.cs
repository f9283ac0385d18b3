using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Observation;

namespace Ioasis.Core.Units;

/// <summary>
/// The slice of a unit that a guest is given: it knows the guest's own numbers of devices, invalidates by them, and
/// tells of their events (Linux: struct iommufd_viommu). A kind of unit derives its own; what it has not it refuses.
/// </summary>
public abstract class Viommu
{
    /// <summary>Makes one.</summary>
    /// <param name="host">What it is in the program's eyes.</param>
    /// <param name="parent">The second stage of all that is nested in it.</param>
    protected Viommu(IViommuHost host, PagingDomain parent)
    {
        Host = host;
        Parent = parent;
    }

    /// <summary>Its virtual devices, queues of events and mappable memory, which are the same for all kinds.</summary>
    public IViommuHost Host { get; }

    /// <summary>The second stage of all that is nested in it.</summary>
    public PagingDomain Parent { get; }

    /// <summary>Makes a nested page table that belongs to the vIOMMU.</summary>
    /// <param name="options">Only <see cref="PagingDomainOptions.Pasid"/> is ever asked for.</param>
    /// <param name="data">What the unit's kind of table is described by.</param>
    /// <param name="domain">The table, when the answer is <see cref="IommuStatus.Ok"/>.</param>
    public virtual IommuStatus CreateNestedDomain(PagingDomainOptions options, UserData data, out NestedDomain? domain)
    {
        domain = null;
        return IommuStatus.NotSupported;
    }

    /// <summary>Invalidates what the entries say, in their order.</summary>
    /// <param name="entries">The invalidations.</param>
    /// <param name="done">How many were done; all of them when the answer is <see cref="IommuStatus.Ok"/>.</param>
    public IommuStatus Invalidate(UserDataArray entries, out int done)
    {
        ArgumentNullException.ThrowIfNull(entries);
        Observers observers = Parent.Owner.Observers;
        if (observers.Want(EventKinds.Invalidate))
            observers.Tell(new InvalidateEvent(observers.Stamp(), null, this, entries.Type, entries.Count));
        return DropCaches(entries, out done);
    }

    /// <summary>Does what <see cref="Invalidate"/> says.</summary>
    /// <inheritdoc cref="Invalidate"/>
    protected virtual IommuStatus DropCaches(UserDataArray entries, out int done)
    {
        done = 0;
        return IommuStatus.NotSupported;
    }

    /// <summary>A device of the guest is about to be one of the vIOMMU's; it may be refused.</summary>
    /// <param name="endpoint">The device.</param>
    /// <param name="virtualId">The guest's number for it.</param>
    public virtual IommuStatus AddDevice(Endpoint endpoint, ulong virtualId) => IommuStatus.Ok;

    /// <summary>A device that <see cref="AddDevice"/> accepted is one of the vIOMMU's no longer.</summary>
    public virtual void RemoveDevice(Endpoint endpoint, ulong virtualId)
    {
    }

    /// <summary>Whether it has hardware queues of a kind.</summary>
    public virtual bool HasQueues(uint type) => false;

    /// <summary>
    /// Gives a hardware queue to the guest; its memory is pinned until <see cref="HwQueue.Destroy"/>.
    /// </summary>
    /// <param name="request">Which queue, and where it lies.</param>
    /// <param name="queue">The queue, when the answer is <see cref="IommuStatus.Ok"/>.</param>
    public virtual IommuStatus CreateQueue(in HwQueueRequest request, out HwQueue? queue)
    {
        queue = null;
        return IommuStatus.NotSupported;
    }

    /// <summary>Gives back what it holds. Nothing is nested in it, attached to it or queued for it any more.</summary>
    public virtual void Destroy()
    {
    }
}
