using Ioasis.Core.Endpoints;
using Ioasis.Core.Observation;
using Ioasis.Memory;
using Ioasis.Memory.Threads;

namespace Ioasis.Core.PageRequests;

/// <summary>
/// The page requests of a device that have no answer yet: those whose group is not complete, and the groups that wait.
/// </summary>
/// <param name="endpoint">The device.</param>
internal sealed class OutstandingRequests(Endpoint endpoint)
{
    // Guards what follows, and that observers are told of a request before its answer. Devices are answered without it.
    private readonly RankedLock _lock = new(LockRank.OutstandingRequests);
    private readonly List<(Attachment Attachment, PageRequest Request)> _partial = [];
    private readonly HashSet<PageRequestGroup> _groups = [];
    private int _count;
    private bool _isStopped;

    /// <summary>Calls the function back with answers.</summary>
    internal AnswerCallback Callback { get; } = new();

    /// <summary>How many requests have no answer.</summary>
    internal int Count
    {
        get { using (_lock.Enter()) return _count; }
    }

    /// <summary>
    /// Takes a request that does not complete its group. Of an attachment that has ended it is forgotten at once.
    /// </summary>
    /// <returns>False when the device may send none, or has as many unanswered as it may.</returns>
    internal bool TryAdd(Attachment attachment, in PageRequest request, int allowed)
    {
        using (_lock.Enter())
        {
            if (IsStopped(attachment) || _count >= allowed) return false;
            TellRequest(in request);
            if (attachment.IsGone) return true; // Forget has been here, or will be and find it: never neither
            _count++;
            _partial.Add((attachment, request));
            return true;
        }
    }

    /// <summary>
    /// Takes the request that completes a group, which waits until <see cref="Remove"/>. To the group belong the
    /// requests before it with its number and its PASID.
    /// </summary>
    /// <param name="attachment">Whose page table they ask.</param>
    /// <param name="last">The request.</param>
    /// <param name="allowed">How many the device may have unanswered.</param>
    /// <param name="answered">Is called with the answer.</param>
    /// <returns>Null when the device may send none, or has as many unanswered as it may.</returns>
    internal PageRequestGroup? TryComplete(
        Attachment attachment, PageRequest last, int allowed, Action<PageResponse>? answered)
    {
        using (_lock.Enter())
        {
            if (IsStopped(attachment) || _count >= allowed) return null;
            TellRequest(in last);
            List<PageRequest> requests = [];
            _count -= _partial.RemoveAll(p =>
            {
                if (p.Request.Group != last.Group || p.Request.Pasid != last.Pasid
                    || p.Attachment.Sender.Part != attachment.Sender.Part) return false;
                // a PASID may have got a page table of its own meanwhile
                if (p.Attachment == attachment) requests.Add(p.Request);
                return true;
            });
            requests.Add(last);
            _count += requests.Count;
            var group = new PageRequestGroup(attachment, requests, answered);
            _groups.Add(group);
            return group;
        }
    }

    /// <summary>
    /// Forgets the requests of an attachment that has ended whose group is not complete: nobody is told of them, and
    /// they have no answer.
    /// </summary>
    internal void Forget(Attachment attachment)
    {
        using (_lock.Enter()) _count -= _partial.RemoveAll(p => p.Attachment == attachment);
    }

    /// <summary>A group is being answered.</summary>
    internal void Remove(PageRequestGroup group, PageResponse response)
    {
        using (_lock.Enter())
        {
            if (_groups.Remove(group)) _count -= group.Requests.Count;
            TellResponse(group.Requests[^1], response);
        }
    }

    /// <summary>
    /// Takes a request that nobody answers. The last of a group is answered <see cref="PageResponse.Invalid"/>.
    /// </summary>
    /// <returns>True: it was sent.</returns>
    internal bool Refuse(in PageRequest request, Action<PageResponse>? answered)
    {
        TellRequest(in request);
        if (!request.IsLast) return true;
        TellResponse(in request, PageResponse.Invalid);
        Callback.Tell(answered, PageResponse.Invalid);
        return true;
    }

    /// <summary>
    /// Drops a request because the unit's queue is full, and all groups of the device whose last request has not come
    /// (Linux: iopf_queue_discard_partial). The last of a group is answered <see cref="PageResponse.Success"/>: the
    /// device tries again.
    /// </summary>
    /// <returns>True: it was sent.</returns>
    internal bool Overflow(in PageRequest request, Action<PageResponse>? answered)
    {
        using (_lock.Enter())
        {
            TellRequest(in request);
            _count -= _partial.Count;
            _partial.Clear();
            if (!request.IsLast) return true;
            TellResponse(in request, PageResponse.Success);
        }

        Callback.Tell(answered, PageResponse.Success);
        return true;
    }

    /// <summary>Tells observers that the device asks for a page.</summary>
    private void TellRequest(in PageRequest request)
    {
        Observers observers = endpoint.Observers;
        if (observers.Want(EventKinds.PageRequest))
            observers.Tell(new PageRequestEvent(observers.Stamp(), endpoint, request));
    }

    /// <summary>Tells observers of the answer to a group, by its last request.</summary>
    private void TellResponse(in PageRequest last, PageResponse response)
    {
        Observers observers = endpoint.Observers;
        if (observers.Want(EventKinds.PageResponse))
            observers.Tell(new PageResponseEvent(observers.Stamp(), endpoint, last.Pasid, last.Group, response));
    }

    /// <summary>Lets the device send requests, or not; those that it has sent stay.</summary>
    internal void SetStopped(bool stopped)
    {
        using (_lock.Enter()) _isStopped = stopped;
    }

    /// <summary>
    /// Answers all that wait <see cref="PageResponse.Invalid"/>, and forgets groups that are not complete.
    /// </summary>
    internal void Drain() => Drain(static _ => true);

    /// <summary>The same, of a PASID of the device's own.</summary>
    internal void Drain(Pasid pasid) => Drain(a => a.Sender.Part is null && a.Pasid == pasid);

    /// <summary>The same, of the requests of a part of the device.</summary>
    internal void Drain(EndpointPart part) => Drain(a => a.Sender.Part == part || a.Pasid == part.Pasid);

    // A part's block is set before its requests are drained: so a request sees the block, or is drained.
    private bool IsStopped(Attachment attachment) => _isStopped || attachment.Sender.Part is { Block: not null };

    private void Drain(Predicate<Attachment> isMeant)
    {
        PageRequestGroup[] groups;
        using (_lock.Enter())
        {
            _count -= _partial.RemoveAll(p => isMeant(p.Attachment));
            groups = [.. _groups.Where(g => isMeant(g.Attachment))];
        }

        foreach (PageRequestGroup group in groups) group.Respond(PageResponse.Invalid);
    }
}
