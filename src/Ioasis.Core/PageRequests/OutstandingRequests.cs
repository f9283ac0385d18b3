namespace Ioasis.Core.PageRequests;

/// <summary>The page requests of a device that have no answer yet: those whose group is not complete, and the groups that wait.</summary>
internal sealed class OutstandingRequests
{
    // Guards what follows. Innermost; devices are answered without it.
    private readonly Lock _lock = new();
    private readonly List<PageRequest> _partial = [];
    private readonly HashSet<PageRequestGroup> _groups = [];
    private int _count;
    private bool _isStopped = true;

    /// <summary>How many requests have no answer.</summary>
    internal int Count
    {
        get { lock (_lock) return _count; }
    }

    /// <summary>Takes a request that does not complete its group.</summary>
    /// <returns>False when the device may send none, or has as many unanswered as it may.</returns>
    internal bool TryAdd(in PageRequest request, int allowed)
    {
        lock (_lock)
        {
            if (_isStopped || _count >= allowed) return false;
            _count++;
            _partial.Add(request);
            return true;
        }
    }

    /// <summary>Takes the request that completes a group, which waits until <see cref="Remove"/>.</summary>
    /// <param name="last">The request.</param>
    /// <param name="allowed">How many the device may have unanswered.</param>
    /// <param name="create">Makes the group of all its requests.</param>
    /// <returns>Null when the device may send none, or has as many unanswered as it may.</returns>
    internal PageRequestGroup? TryComplete(PageRequest last, int allowed, Func<IReadOnlyList<PageRequest>, PageRequestGroup> create)
    {
        lock (_lock)
        {
            if (_isStopped || _count >= allowed) return null;
            _count++;
            List<PageRequest> requests = _partial.FindAll(r => r.Group == last.Group);
            _partial.RemoveAll(r => r.Group == last.Group);
            requests.Add(last);
            PageRequestGroup group = create(requests);
            _groups.Add(group);
            return group;
        }
    }

    /// <summary>A group is being answered.</summary>
    internal void Remove(PageRequestGroup group)
    {
        lock (_lock)
            if (_groups.Remove(group)) _count -= group.Requests.Count;
    }

    /// <summary>Lets the device send requests, or not; those that it has sent stay.</summary>
    internal void SetStopped(bool stopped)
    {
        lock (_lock) _isStopped = stopped;
    }

    /// <summary>Answers all that wait <see cref="PageResponse.Invalid"/>, and forgets groups that are not complete.</summary>
    internal void Drain()
    {
        PageRequestGroup[] groups;
        lock (_lock)
        {
            _count -= _partial.Count;
            _partial.Clear();
            groups = [.. _groups];
        }

        foreach (PageRequestGroup group in groups) group.Respond(PageResponse.Invalid);
    }
}
