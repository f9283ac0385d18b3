namespace Ioasis.Core.PageRequests;

/// <summary>The page requests of a device whose group is not complete yet.</summary>
internal sealed class PartialRequests
{
    /// <summary>Requests kept at most; a device that sends more without a last one loses the oldest.</summary>
    internal const int Capacity = 4096;

    // Guards the list. Innermost.
    private readonly Lock _lock = new();
    private readonly List<PageRequest> _requests = [];

    internal void Add(in PageRequest request)
    {
        lock (_lock)
        {
            if (_requests.Count == Capacity) _requests.RemoveAt(0);
            _requests.Add(request);
        }
    }

    /// <summary>Takes out those of a group, and adds the one that completes it.</summary>
    internal List<PageRequest> Complete(PageRequest last)
    {
        lock (_lock)
        {
            List<PageRequest> group = _requests.FindAll(r => r.Group == last.Group);
            _requests.RemoveAll(r => r.Group == last.Group);
            group.Add(last);
            return group;
        }
    }

    internal void Clear()
    {
        lock (_lock) _requests.Clear();
    }
}
