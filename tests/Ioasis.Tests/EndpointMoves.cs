using Ioasis.Core;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Memory;

namespace Ioasis.Tests;

/// <summary>Attaching for tests, to which it does not matter what is attached before.</summary>
internal static class EndpointMoves
{
    /// <summary>Attaches, moves or, with a null domain, detaches.</summary>
    internal static IommuStatus Attach(this Endpoint endpoint, Pasid? pasid, IommuDomain? domain, object? owner = null)
    {
        Attachment? former = endpoint.AttachmentOf(pasid);
        if (domain is not null)
            return former is null ? endpoint.Attach(pasid, domain, owner, out _) : endpoint.Replace(former, domain,
                owner, out _);
        if (former is not null) endpoint.Detach(former);
        return IommuStatus.Ok;
    }
}
