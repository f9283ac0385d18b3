using Ioasis.Abi;

namespace Ioasis.Client;

/// <summary>
/// A request to a node was refused. The message says in one sentence what was asked, with its values, and the errno.
/// </summary>
public sealed class IommuException : IOException
{
    /// <summary>Says what was refused.</summary>
    /// <param name="errno">Why.</param>
    /// <param name="request">What was asked, as the start of a sentence: "open of /dev/iommu".</param>
    public IommuException(Errno errno, string request)
        : base($"{char.ToUpperInvariant(request[0])}{request[1..]} failed: {errno}.")
    {
        Errno = errno;
        Request = request;
    }

    /// <summary>Why it was refused.</summary>
    public Errno Errno { get; }

    /// <summary>What was asked, with its values.</summary>
    public string Request { get; }
}
