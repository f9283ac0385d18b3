using Ioasis.Core.Injection;
using Ioasis.Core.Observation;
using Ioasis.Core.Units;

namespace Ioasis.Core.Domains;

/// <summary>
/// A page table whose first stage the user owns; its second stage is a paging domain of the user's (Linux:
/// IOMMU_DOMAIN_NESTED). A kind of unit derives its own.
/// </summary>
public abstract class NestedDomain : IommuDomain
{
    /// <summary>Nests a first stage on a second.</summary>
    protected NestedDomain(PagingDomain parent, Viommu? viommu) : base(parent.Owner, parent.Mappings, null)
    {
        Parent = parent;
        Viommu = viommu;
    }

    /// <summary>The second stage.</summary>
    public PagingDomain Parent { get; }

    /// <summary>The vIOMMU that it belongs to; null when it belongs to none.</summary>
    public Viommu? Viommu { get; }

    /// <summary>The first stage, as its user described it; null if the kind of unit does not say.</summary>
    public virtual FirstStageInfo? FirstStage => null;

    /// <summary>Drops from the caches of the first stage what the entries say, in their order.</summary>
    /// <param name="entries">The invalidations.</param>
    /// <param name="done">How many were done; all of them when the answer is <see cref="IommuStatus.Ok"/>.</param>
    public IommuStatus Invalidate(UserDataArray entries, out int done)
    {
        ArgumentNullException.ThrowIfNull(entries);
        Observers observers = Owner.Observers;
        if (observers.Want(EventKinds.Invalidate))
            observers.Tell(new InvalidateEvent(observers.Stamp(), this, null, entries.Type, entries.Count));
        if (Owner.Injector is { } injector && InjectedInvalidation.IsDropped(injector))
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
        return IommuStatus.NotSupported.Because("this IOMMU invalidates no first stage by its HWPT");
    }
}
