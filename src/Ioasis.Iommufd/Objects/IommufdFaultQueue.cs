using System.Diagnostics.CodeAnalysis;
using Ioasis.Abi;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Observation;
using Ioasis.Core.PageRequests;
using Ioasis.Memory.Threads;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Iommufd.Objects;

/// <summary>
/// A queue of page requests of HWPTs, for the program to read and answer (Linux: struct iommufd_fault). A group is
/// either unread, or read and identified by its cookie.
/// </summary>
internal sealed class IommufdFaultQueue : IommufdObject, IPageRequestHandler
{
    // Guards the two lists and the cookies. Taken after a group's attach lock. Devices are answered without it.
    private readonly RankedLock _lock = new(LockRank.FaultQueue);
    private readonly LinkedList<PageRequestGroup> _unread = [];
    private readonly Dictionary<uint, PageRequestGroup> _read = [];
    private readonly PriorityQueue<uint, uint> _freeCookies = new();
    private uint _highestCookie;

    internal override long Cost => 1536;

    /// <summary>Called when a group can be read. Set once, before anything is attached.</summary>
    internal Action? Readable { get; set; }

    /// <summary>Whether a group is unread.</summary>
    internal bool HasUnread
    {
        get { using (_lock.Enter()) return _unread.Count > 0; }
    }

    /// <summary>How many groups are unread, and how many are read and not answered.</summary>
    internal (int Unread, int Unanswered) Groups
    {
        get { using (_lock.Enter()) return (_unread.Count, _read.Count); }
    }

    /// <inheritdoc/>
    public void Handle(PageRequestGroup group)
    {
        ArgumentNullException.ThrowIfNull(group);
        using (_lock.Enter())
        {
            // Either Detached has run, or it will run later and find the group here.
            if (!group.Attachment.IsGone)
            {
                _unread.AddLast(group);
                group = null!;
            }
        }

        if (group is null) Readable?.Invoke();
        else group.Respond(PageResponse.Invalid);
    }

    /// <inheritdoc/>
    public void Detached(Attachment attachment)
    {
        List<PageRequestGroup> abandoned = [];
        using (_lock.Enter())
        {
            for (LinkedListNode<PageRequestGroup>? node = _unread.First, next; node is not null; node = next)
            {
                next = node.Next;
                if (node.Value.Attachment != attachment) continue;
                abandoned.Add(node.Value);
                _unread.Remove(node);
            }

            foreach ((uint cookie, PageRequestGroup group) in
                _read.Where(g => g.Value.Attachment == attachment).ToArray())
            {
                abandoned.Add(group);
                TryRemove(cookie, out _);
            }
        }

        foreach (PageRequestGroup group in abandoned) group.Respond(PageResponse.Invalid);
    }

    /// <summary>
    /// Hands the next group to a reader with room for <paramref name="room"/> requests, under a new cookie.
    /// </summary>
    /// <param name="room">Number of requests that fit.</param>
    /// <param name="requests">The requests; null if there is no group or it does not fit.</param>
    /// <returns>Number of requests of the next group; 0 if there is none.</returns>
    internal int TryTake(int room, out IommuHwptPgfault[]? requests)
    {
        requests = null;
        using (_lock.Enter())
        {
            if (_unread.First is not { Value: var group } first) return 0;
            if (group.Requests.Count > room) return group.Requests.Count;
            // the lowest free one, as on Linux
            if (!_freeCookies.TryDequeue(out uint cookie, out _)) cookie = ++_highestCookie;
            requests = new IommuHwptPgfault[group.Requests.Count];
            for (int i = 0; i < requests.Length; i++) requests[i] = Compose(group, group.Requests[i], cookie);
            _unread.Remove(first);
            _read.Add(cookie, group);
            return requests.Length;
        }
    }

    /// <summary>Makes a group unread again, because it could not be delivered.</summary>
    internal void Restore(uint cookie)
    {
        using (_lock.Enter())
        {
            if (TryRemove(cookie, out PageRequestGroup? group)) _unread.AddFirst(group);
        }
    }

    /// <summary>Answers a group that was read.</summary>
    /// <returns>EINVAL if the code is invalid, or no waiting group has the cookie.</returns>
    internal Errno Respond(in IommuHwptPageResponse response)
    {
        if (response.Code is not (IOMMUFD_PAGE_RESP_SUCCESS or IOMMUFD_PAGE_RESP_INVALID))
            return Errno.EINVAL.Because(
                $"code {response.Code} is neither IOMMUFD_PAGE_RESP_SUCCESS nor IOMMUFD_PAGE_RESP_INVALID");
        PageRequestGroup? group;
        bool wasGiven;
        using (_lock.Enter())
        {
            wasGiven = response.Cookie != 0 && response.Cookie <= _highestCookie;
            TryRemove(response.Cookie, out group);
        }

        if (group is null)
        {
            if (Objects.Observers.Want(EventKinds.StrayResponse))
                Objects.Observers.Tell(
                    new StrayResponseEvent(Objects.Observers.Stamp(), this, response.Cookie, wasGiven));
            return Errno.EINVAL.Because($"no page request of cookie {response.Cookie} waits for a response");
        }

        group.Respond((PageResponse)response.Code);
        return Errno.None;
    }

    /// <summary>Refuses all unanswered groups. Nothing that uses the queue exists any more.</summary>
    internal override void Destroy()
    {
        PageRequestGroup[] left;
        using (_lock.Enter())
        {
            left = [.. _unread, .. _read.Values];
            _unread.Clear();
            _read.Clear();
        }

        foreach (PageRequestGroup group in left) group.Respond(PageResponse.Invalid);
    }

    private bool TryRemove(uint cookie, [NotNullWhen(true)] out PageRequestGroup? group)
    {
        if (!_read.Remove(cookie, out group)) return false;
        _freeCookies.Enqueue(cookie, cookie);
        return true;
    }

    private static IommuHwptPgfault Compose(PageRequestGroup group, in PageRequest request, uint cookie) => new()
    {
        Flags = (request.Pasid is null ? 0 : IOMMU_PGFAULT_FLAGS_PASID_VALID)
            | (request.IsLast ? IOMMU_PGFAULT_FLAGS_LAST_PAGE : 0),
        DevId = (group.Attachment.Owner as IommufdDevice)?.Id ?? 0,
        // what the program calls it; of a PASID that has no attachment of its own, the request's
        Pasid = (group.Attachment.Pasid is null ? request.Pasid : group.Attachment.Number)?.Value ?? 0,
        Grpid = request.Group,
        Perm = (uint)request.Access,
        Addr = request.Address.Value,
        Cookie = cookie,
    };
}
