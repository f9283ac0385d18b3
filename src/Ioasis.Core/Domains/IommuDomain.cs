using Ioasis.Core.Endpoints;
using Ioasis.Core.PageRequests;
using Ioasis.Core.Units;

namespace Ioasis.Core.Domains;

/// <summary>A page table that devices can be attached to (Linux: struct iommu_domain).</summary>
public abstract class IommuDomain
{
    private protected IommuDomain(IommuUnit owner, MappingTable mappings, TranslationRoute? route)
    {
        Owner = owner;
        Mappings = mappings;
        Route = route;
    }

    /// <summary>What names it to programs, as a HWPT does; null for a domain of the host's own.</summary>
    public object? Holder { get; set; }

    /// <summary>The unit it was made for. Only devices behind units that agree with it can be attached.</summary>
    public IommuUnit Owner { get; }

    /// <summary>
    /// Whether it has no table of a unit's own kind, so that devices behind any unit can be attached.
    /// </summary>
    public virtual bool IsOfAnyUnit => false;

    /// <summary>
    /// The I/O address space that it translates by, as <see cref="Observation.MapEvent"/> names it: the same object for
    /// all domains of one.
    /// </summary>
    public object Space => Mappings.Space;

    /// <summary>
    /// Who answers page requests for it; null when nobody does, and they are invalid. Set before anything is attached.
    /// </summary>
    public IPageRequestHandler? PageRequests { get; set; }

    /// <summary>The mappings that its translations end in; of a nested domain, those of its parent.</summary>
    internal MappingTable Mappings { get; }

    /// <summary>
    /// What a port attached to it translates by; null while nothing does, as for a nested domain whose unit walks no
    /// first stage.
    /// </summary>
    internal TranslationRoute? Route { get; private protected init; }

    /// <summary>A requester ID or a PASID is about to be attached to it. With the endpoint's lock held.</summary>
    internal virtual void Attaching()
    {
    }

    /// <summary>
    /// One is not attached any more, and no access of it uses the domain. Comes once for each <see cref="Attaching"/>.
    /// </summary>
    internal virtual void Detached()
    {
    }
}
