using Ioasis.Core.Endpoints;
using Ioasis.Core.PageRequests;
using Ioasis.Memory;

namespace Ioasis.Core.Observation;

/// <summary>
/// A device asks for a page. The answer comes for the group as a whole, after the request that is its last.
/// </summary>
/// <param name="Stamp">When.</param>
/// <param name="Endpoint">The device.</param>
/// <param name="Request">The request.</param>
public readonly record struct PageRequestEvent(EventStamp Stamp, Endpoint Endpoint, PageRequest Request) : IMachineEvent
{
    /// <inheritdoc/>
    public static EventKinds Kind => EventKinds.PageRequest;

    /// <inheritdoc/>
    public void Tell(MachineObserver observer) => observer.OnPageRequest(in this);
}

/// <summary>A group of page requests is answered. Comes once for each group that was complete.</summary>
/// <param name="Stamp">When.</param>
/// <param name="Endpoint">The device.</param>
/// <param name="Pasid">The PASID of the requests, if any.</param>
/// <param name="Group">The device's number for the group.</param>
/// <param name="Response">The answer.</param>
public readonly record struct PageResponseEvent(
    EventStamp Stamp, Endpoint Endpoint, Pasid? Pasid, uint Group, PageResponse Response) : IMachineEvent
{
    /// <inheritdoc/>
    public static EventKinds Kind => EventKinds.PageResponse;

    /// <inheritdoc/>
    public void Tell(MachineObserver observer) => observer.OnPageResponse(in this);
}

/// <summary>A program answered page requests that wait for no answer (any more), and was refused.</summary>
/// <param name="Stamp">When.</param>
/// <param name="Queue">The queue that it answered through.</param>
/// <param name="Cookie">What it named the requests by.</param>
/// <param name="WasGiven">Whether requests had that name before: they were answered, or their device was
/// detached.</param>
public readonly record struct StrayResponseEvent(EventStamp Stamp, object Queue, uint Cookie, bool WasGiven)
    : IMachineEvent
{
    /// <inheritdoc/>
    public static EventKinds Kind => EventKinds.StrayResponse;

    /// <inheritdoc/>
    public void Tell(MachineObserver observer) => observer.OnStrayResponse(in this);
}
