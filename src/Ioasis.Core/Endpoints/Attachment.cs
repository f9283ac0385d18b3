using Ioasis.Core.Domains;
using Ioasis.Core.PageRequests;
using Ioasis.Memory;

namespace Ioasis.Core.Endpoints;

/// <summary>
/// That a requester ID, or one of its PASIDs, is attached to a domain: from the attaching until it ends (Linux: struct
/// iommu_attach_handle).
/// </summary>
public sealed class Attachment
{
    private readonly IPageRequestHandler? _pageRequests;
    private volatile bool _isGone;

    internal Attachment(
        Endpoint endpoint, Sender sender, IommuDomain domain, object? owner, IPageRequestHandler? pageRequests)
    {
        _pageRequests = pageRequests;
        Endpoint = endpoint;
        Sender = sender;
        Domain = domain;
        Owner = owner;
    }

    /// <summary>Which device.</summary>
    public Endpoint Endpoint { get; }

    /// <summary>Which of its PASIDs; null for its requests without one.</summary>
    public Pasid? Pasid => Sender.Pasid;

    /// <summary>
    /// What its owner calls the PASID: the same, but for a PASID that the owner of a part of a function chose.
    /// </summary>
    public Pasid? Number => Sender.Number ?? Sender.Pasid;

    /// <summary>What it is attached to.</summary>
    public IommuDomain Domain { get; }

    /// <summary>What whoever attached it wants to find again in a page request.</summary>
    public object? Owner { get; }

    /// <summary>What answers its page requests: its own handler, else the domain's; null: they are refused.</summary>
    public IPageRequestHandler? PageRequests => _pageRequests ?? Domain.PageRequests;

    /// <summary>Whether it has ended. Set before its handler of page requests is told.</summary>
    public bool IsGone => _isGone;

    /// <summary>Whose requests it is of, and which.</summary>
    internal Sender Sender { get; }

    /// <summary>Whether it is the group's, to its default domain, and gives way to any owner's.</summary>
    public bool IsDefault { get; init; }

    internal void End()
    {
        _isGone = true;
        Endpoint.Forget(this);
        Domain.Detached();
        PageRequests?.Detached(this);
    }
}
