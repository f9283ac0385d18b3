namespace Ioasis.Core.Endpoints;

/// <summary>
/// What a function can do toward its IOMMU beyond plain requests (PCI Express: the capabilities PASID, ATS and PRI), or
/// what of it is enabled.
/// </summary>
public sealed record EndpointFeatures
{
    /// <summary>A function that can do nothing of it.</summary>
    public static EndpointFeatures None { get; } = new();

    /// <summary>How many PASID bits it can send; 0 for no PASIDs.</summary>
    public int PasidBits { get; init; }

    /// <summary>Whether its requests with a PASID can ask for execute permission.</summary>
    public bool PasidExecute { get; init; }

    /// <summary>Whether its requests with a PASID can be privileged ones.</summary>
    public bool PasidPrivileged { get; init; }

    /// <summary>Whether it can ask for translations and keep them (ATS).</summary>
    public bool Ats { get; init; }

    /// <summary>How many page requests it can have unanswered (PRI); 0 for none at all.</summary>
    public int PageRequests { get; init; }
}
