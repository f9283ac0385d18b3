using Ioasis.Core.Endpoints;
using Ioasis.Core.PageRequests;
using Ioasis.Core.Pasids;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Objects;

/// <summary>
/// What a driver binds: a whole function; or a subdevice, a part of a function whose requests all carry one PASID, its
/// default PASID. The driver of the parent function allocates that PASID and gives it to one subdevice at a time.
/// </summary>
public sealed class DmaHandle
{
    /// <summary>A whole function.</summary>
    /// <param name="endpoint">The function.</param>
    public DmaHandle(Endpoint endpoint) => Endpoint = endpoint;

    /// <summary>A subdevice.</summary>
    /// <param name="parent">The function that it is a part of.</param>
    /// <param name="driver">The parent's driver, the same object for all subdevices of the parent.</param>
    /// <param name="defaultPasid">The PASID that its requests carry.</param>
    /// <param name="pageRequests">
    /// What answers page requests of the default PASID, of which the program does not hear; null: they are refused.
    /// </param>
    public DmaHandle(Endpoint parent, object driver, Pasid defaultPasid, IPageRequestHandler? pageRequests = null)
    {
        Endpoint = parent;
        Driver = driver;
        DefaultPasid = defaultPasid;
        PageRequests = pageRequests ?? RefusedPageRequests.Instance;
    }

    /// <summary>A subdevice whose program can have PASIDs of its own, if the part has the feature.</summary>
    /// <param name="part">The part of the function that it is.</param>
    /// <param name="driver">The parent's driver, the same object for all subdevices of the parent.</param>
    /// <param name="pasids">The PASIDs of the host, of which the program's are taken.</param>
    public DmaHandle(EndpointPart part, object driver, PasidSpace pasids) : this(part.Parent, driver, part.Pasid)
    {
        Part = part;
        Pasids = pasids;
    }

    /// <summary>The function, or the parent function.</summary>
    public Endpoint Endpoint { get; }

    /// <summary>The parent's driver; null for a whole function.</summary>
    public object? Driver { get; }

    /// <summary>The PASID of a subdevice; null for a whole function.</summary>
    public Pasid? DefaultPasid { get; }

    /// <summary>What answers page requests of the default PASID; null for a whole function.</summary>
    public IPageRequestHandler? PageRequests { get; }

    /// <summary>The part of the function that a subdevice is; null if it has no PASIDs of the program's.</summary>
    internal EndpointPart? Part { get; }

    /// <summary>The PASIDs of the host; null if there is no part.</summary>
    internal PasidSpace? Pasids { get; }
}
