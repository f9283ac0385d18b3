using Ioasis.Core.PageRequests;

namespace Ioasis.Client;

/// <summary>The page requests of a device that one answer completes.</summary>
public sealed class PageFaultGroup
{
    private readonly FaultQueue _queue;

    internal PageFaultGroup(FaultQueue queue, IReadOnlyList<PageFault> requests)
    {
        _queue = queue;
        Requests = requests;
    }

    /// <summary>The requests, in the order in which the device sent them.</summary>
    public IReadOnlyList<PageFault> Requests { get; }

    /// <summary>Answers the group.</summary>
    /// <param name="response">Success lets the device try again; Invalid makes it give up.</param>
    /// <exception cref="IommuException">EINVAL if the group was answered, or the device detached.</exception>
    public void Respond(PageResponse response) => _queue.Respond(Requests[^1].Cookie, response);
}
