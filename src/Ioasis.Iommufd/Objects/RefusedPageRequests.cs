using Ioasis.Core.Endpoints;
using Ioasis.Core.PageRequests;

namespace Ioasis.Iommufd.Objects;

/// <summary>Refuses page requests of which no program is to hear.</summary>
internal sealed class RefusedPageRequests : IPageRequestHandler
{
    private RefusedPageRequests()
    {
    }

    /// <summary>The only one; it has no state.</summary>
    internal static RefusedPageRequests Instance { get; } = new();

    public void Handle(PageRequestGroup group) => group.Respond(PageResponse.Invalid);

    public void Detached(Attachment attachment)
    {
    }
}
