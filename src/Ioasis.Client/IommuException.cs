using Ioasis.Abi;
using Ioasis.Core.Observation;

namespace Ioasis.Client;

/// <summary>
/// A request to a node failed. The message has the request with its values, the errno, and where it is known why.
/// </summary>
public sealed class IommuException : IOException
{
    /// <summary>Makes the exception for a request.</summary>
    /// <param name="errno">The error.</param>
    /// <param name="request">The request, as the start of a sentence: "open of /dev/iommu".</param>
    public IommuException(Errno errno, string request) : this(errno, request, null)
    {
    }

    /// <summary>Makes the exception for a request that a node has just refused to this thread.</summary>
    /// <param name="refused">The node's answer.</param>
    /// <param name="request">The request, as the start of a sentence: "open of /dev/iommu".</param>
    public IommuException(SysResult refused, string request)
        : this(refused.Errno, request, Refusal.WhyOf((int)refused.Errno))
    {
    }

    private IommuException(Errno errno, string request, string? why)
        : base($"{char.ToUpperInvariant(request[0])}{request[1..]} failed: {errno}{(why is null ? "" : $" ({why})")}.")
    {
        Errno = errno;
        Request = request;
        Why = why;
    }

    /// <summary>The error.</summary>
    public Errno Errno { get; }

    /// <summary>The request, with its values.</summary>
    public string Request { get; }

    /// <summary>
    /// What was wrong with the request, and what would be right; null if it is not known, as from a real kernel.
    /// </summary>
    public string? Why { get; }
}
