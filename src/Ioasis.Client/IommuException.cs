using Ioasis.Abi;

namespace Ioasis.Client;

/// <summary>
/// A request to a node failed. The message has the request with its values, and the errno, in one sentence.
/// </summary>
public sealed class IommuException : IOException
{
    /// <summary>Makes the exception for a request.</summary>
    /// <param name="errno">The error.</param>
    /// <param name="request">The request, as the start of a sentence: "open of /dev/iommu".</param>
    public IommuException(Errno errno, string request)
        : base($"{char.ToUpperInvariant(request[0])}{request[1..]} failed: {errno}.")
    {
        Errno = errno;
        Request = request;
    }

    /// <summary>The error.</summary>
    public Errno Errno { get; }

    /// <summary>The request, with its values.</summary>
    public string Request { get; }
}
