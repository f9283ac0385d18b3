using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Host.Callers;
using Ioasis.Host.Devices;
using Ioasis.Host.Serving;
using Ioasis.Linux.Files;

namespace Ioasis.Host.Paths;

/// <summary>The calls that query a file, and the access to it.</summary>
internal sealed class StatCalls(
    PathLookup lookup, NodeStat stats, OpenFiles files, HostFiles hosts, CallersRights rights, CallerMemory memory)
{
    /// <summary>The variants of stat(2).</summary>
    public Answer Stat(in SeccompNotif call, ServerThread server, int directory, ulong path, ulong result, int flags,
        bool extended = false)
    {
        if ((flags & FcntlH.AT_EMPTY_PATH) != 0 && PathLookup.IsEmpty(call, path))
            return StatOpen(call, directory, result, extended);
        bool follow = (flags & FcntlH.AT_SYMLINK_NOFOLLOW) == 0;
        Resolution found = lookup.Resolve(call, server, directory, path, follow);
        if (found.Errno != Errno.None) return found.Errno;
        if (found.IsHosts || found.IsHostsDirectory) return Answer.Continue;
        return found.Node is PathNode node && !found.IsHostsNode
            ? Put(call, node, result, extended)
            : PutHosts(call, found.HostPath ?? found.Node!.Path, follow, result, extended);
    }

    /// <summary>fstat(2).</summary>
    public Answer StatOpen(in SeccompNotif call, int descriptor, ulong result, bool extended)
    {
        if (lookup.HasNoneOpen) return Answer.Continue;
        // As on Linux, all files that are only had by a call look the same.
        if (lookup.IsQueue(call, descriptor)
            && SysFiles.Stat(files.Notifier, out LinuxStat anonymous) == Errno.None)
            return Put(call, anonymous, result, extended);
        if (!lookup.TryFind(call, descriptor, out OpenThing thing)) return Answer.Continue;
        return thing.Node is not null
            ? Put(call, thing.Node, result, extended)
            : PutHosts(call, thing.HostPath!, follow: false, result, extended);
    }

    /// <summary>statfs(2).</summary>
    public Answer StatFileSystem(in SeccompNotif call, ServerThread server, ulong path, ulong result)
    {
        Resolution found = lookup.Resolve(call, server, FcntlH.AT_FDCWD, path, true);
        if (found.Errno != Errno.None) return found.Errno;
        if (found.IsHosts || found.IsHostsDirectory) return Answer.Continue;
        if (found.Node is not null && !found.IsHostsNode) return Put(call, NodeStat.FileSystemOf(found.Node), result);
        Errno errno = hosts.StatFileSystem(call, found.HostPath ?? found.Node!.Path, out LinuxStatFs stat);
        return errno == Errno.None ? Put(call, stat, result) : errno;
    }

    /// <summary>fstatfs(2).</summary>
    public Answer StatFileSystemOfOpen(in SeccompNotif call, int descriptor, ulong result)
    {
        if (!lookup.TryFind(call, descriptor, out OpenThing thing)) return Answer.Continue;
        if (thing.Node is not null) return Put(call, NodeStat.FileSystemOf(thing.Node), result);
        Errno errno = hosts.StatFileSystem(call, thing.HostPath!, out LinuxStatFs stat);
        return errno == Errno.None ? Put(call, stat, result) : errno;
    }

    /// <summary>access(2), faccessat(2), faccessat2(2).</summary>
    public Answer Access(in SeccompNotif call, ServerThread server, int directory, ulong path, int wanted, int flags)
    {
        if (PathFlags.AreRefusedByAccess(wanted, flags)) return Answer.Continue;
        bool follow = (flags & FcntlH.AT_SYMLINK_NOFOLLOW) == 0, real = (flags & FcntlH.AT_EACCESS) == 0;
        if ((flags & FcntlH.AT_EMPTY_PATH) != 0 && PathLookup.IsEmpty(call, path))
        {
            if (!lookup.TryFind(call, directory, out OpenThing thing)) return Answer.Continue;
            return thing.Node is not null
                ? MayAccess(call, thing.Node, wanted, real)
                : hosts.Access(call, thing.HostPath!, follow: false, wanted, real);
        }

        Resolution found = lookup.Resolve(call, server, directory, path, follow);
        if (found.Errno != Errno.None) return found.Errno;
        if (found.IsHosts || found.IsHostsDirectory) return Answer.Continue;
        return found.Node is PathNode node && !found.IsHostsNode
            ? MayAccess(call, node, wanted, real)
            : hosts.Access(call, found.HostPath ?? found.Node!.Path, follow, wanted, real);
    }

    private Errno MayAccess(in SeccompNotif call, PathNode node, int wanted, bool real) =>
        rights.Permits(call, stats.OwnerOf(node), (uint)wanted, real) ? Errno.None : Errno.EACCES;

    private Answer PutHosts(in SeccompNotif call, string path, bool follow, ulong result, bool extended)
    {
        Errno errno = hosts.Stat(call, path, follow, out LinuxStat stat);
        return errno == Errno.None ? Put(call, stat, result, extended) : errno;
    }

    private Answer Put(in SeccompNotif call, PathNode node, ulong result, bool extended) =>
        extended ? Put(call, stats.ExtendedOf(node), result) : Put(call, stats.Of(node), result);

    private Answer Put(in SeccompNotif call, in LinuxStat stat, ulong result, bool extended) =>
        extended ? Put(call, NodeStat.ToStatx(stat), result) : Put(call, stat, result);

    private Answer Put<T>(in SeccompNotif call, in T stat, ulong result) where T : unmanaged =>
        memory.Write(call, result, MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in stat)));
}
