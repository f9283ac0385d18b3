using Ioasis.Abi;
using Ioasis.Host.Callers;
using Ioasis.Host.Serving;
using Ioasis.Linux.Files;
using Ioasis.Machine.Nodes;
using Ioasis.Memory.Threads;

namespace Ioasis.Host.Paths;

/// <summary>
/// The variants of chmod(2) and chown(2) on our files. A file of the host that is reached by a detour stays unchanged.
/// </summary>
internal sealed class OwnerCalls(PathLookup lookup, NodeStat stats, CallersRights rights)
{
    private delegate Errno Change(CallerCredentials who, ref FileOwner owner);

    // Guards each change of owner and mode. No one waits while holding it.
    private readonly RankedLock _lock = new(LockRank.FileOwners);

    /// <summary>chmod(2), fchmodat(2), fchmodat2(2).</summary>
    public Answer ChangeMode(in SeccompNotif call, ServerThread server, int directory, ulong path, uint mode, int flags)
    {
        if (PathFlags.AreRefusedByChange(flags)) return Answer.Continue;
        if ((flags & FcntlH.AT_EMPTY_PATH) != 0 && PathLookup.IsEmpty(call, path))
            return ChangeModeOfOpen(call, directory, mode, byPath: true);
        Answer found = Find(call, server, directory, path, flags, out PathNode? node);
        return node is null ? found : SetMode(call, node, mode);
    }

    /// <summary>fchmod(2), or fchmodat2(2) with an empty path, which also accepts a file opened with O_PATH.</summary>
    public Answer ChangeModeOfOpen(in SeccompNotif call, int descriptor, uint mode, bool byPath)
    {
        Answer found = Find(call, descriptor, byPath, out PathNode? node);
        return node is null ? found : SetMode(call, node, mode);
    }

    /// <summary>chown(2), lchown(2), fchownat(2).</summary>
    public Answer ChangeOwner(
        in SeccompNotif call, ServerThread server, int directory, ulong path, uint user, uint group, int flags)
    {
        if (PathFlags.AreRefusedByChange(flags)) return Answer.Continue;
        if ((flags & FcntlH.AT_EMPTY_PATH) != 0 && PathLookup.IsEmpty(call, path))
            return ChangeOwnerOfOpen(call, directory, user, group, byPath: true);
        Answer found = Find(call, server, directory, path, flags, out PathNode? node);
        return node is null ? found : SetOwner(call, node, user, group);
    }

    /// <summary>fchown(2), or fchownat(2) with an empty path.</summary>
    public Answer ChangeOwnerOfOpen(in SeccompNotif call, int descriptor, uint user, uint group, bool byPath)
    {
        Answer found = Find(call, descriptor, byPath, out PathNode? node);
        return node is null ? found : SetOwner(call, node, user, group);
    }

    private Answer Find(in SeccompNotif call, ServerThread server, int directory, ulong path, int flags,
        out PathNode? node)
    {
        node = null;
        Resolution found = lookup.Resolve(call, server, directory, path, (flags & FcntlH.AT_SYMLINK_NOFOLLOW) == 0);
        if (found.Errno != Errno.None) return found.Errno;
        if (found.IsHosts || found.IsHostsDirectory) return Answer.Continue;
        if (found.HostPath is not null || found.IsHostsNode) return Errno.EACCES;
        node = found.Node;
        return default;
    }

    private Answer Find(in SeccompNotif call, int descriptor, bool byPath, out PathNode? node)
    {
        node = null;
        if (!lookup.TryFind(call, descriptor, out OpenThing thing)) return Answer.Continue;
        if (thing.IsName && !byPath) return Errno.EBADF;
        if (thing.Node is null) return Errno.EACCES;
        node = thing.Node;
        return default;
    }

    private Answer SetMode(in SeccompNotif call, PathNode node, uint mode) => node.Entry is VirtualLink
        ? Errno.EOPNOTSUPP
        : Apply(call, node, (CallerCredentials who, ref FileOwner owner) =>
            FilePermission.TryChangeMode(who, ref owner, mode));

    private Answer SetOwner(in SeccompNotif call, PathNode node, uint user, uint group) =>
        Apply(call, node, (CallerCredentials who, ref FileOwner owner) =>
            FilePermission.TryChangeOwner(who, ref owner, user, group));

    private Answer Apply(in SeccompNotif call, PathNode node, Change change)
    {
        if (!rights.TryRead(call, stats.OwnerOf(node), out CallerCredentials? who)) return Errno.EPERM;
        using (_lock.Enter())
        {
            FileOwner owner = stats.OwnerOf(node);
            Errno errno = change(who!, ref owner);
            if (errno == Errno.None) stats.Change(node, owner);
            return errno;
        }
    }
}
