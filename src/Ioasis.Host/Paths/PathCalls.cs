using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Ioasis.Abi;
using Ioasis.Host.Devices;
using Ioasis.Host.Filter;
using Ioasis.Host.Serving;
using Ioasis.Linux.Files;
using Ioasis.Linux.Memory;
using Ioasis.Machine.Nodes;

namespace Ioasis.Host.Paths;

/// <summary>The calls that name a file by a path, or ask what an open file is.</summary>
internal sealed class PathCalls(CurrentPaths paths, StandIns standIns, OpenNodes nodes, OpenQueues queues, OpenCalls opens, StatusFiles statuses)
{
    private readonly NodeStat _stats = new();

    /// <summary>Serves a call.</summary>
    public Answer Serve(in SeccompNotif call, ServerThread server)
    {
        ref readonly U64x6 args = ref call.Data.Args;
        int first = (int)args[0];
        switch (TrappedCalls.KindOf(call.Data.Nr))
        {
            case CallKind.Open: return Open(call, server, FcntlH.AT_FDCWD, args[0], (int)args[1], (uint)args[2]);
            case CallKind.Creat:
                return Open(call, server, FcntlH.AT_FDCWD, args[0], FcntlH.O_CREAT | FcntlH.O_WRONLY | FcntlH.O_TRUNC, (uint)args[1]);
            case CallKind.Openat: return Open(call, server, first, args[1], (int)args[2], (uint)args[3]);
            case CallKind.Openat2: return Open2(call, server);
            case CallKind.Stat: return Stat(call, server, FcntlH.AT_FDCWD, args[0], args[1], 0);
            case CallKind.Lstat: return Stat(call, server, FcntlH.AT_FDCWD, args[0], args[1], FcntlH.AT_SYMLINK_NOFOLLOW);
            case CallKind.Fstat: return StatOpen(call, first, args[1], extended: false);
            case CallKind.Newfstatat: return Stat(call, server, first, args[1], args[2], (int)args[3]);
            case CallKind.Statx: return Stat(call, server, first, args[1], args[4], (int)args[2], extended: true);
            case CallKind.Access: return Access(call, server, FcntlH.AT_FDCWD, args[0], (int)args[1], 0);
            case CallKind.Faccessat: return Access(call, server, first, args[1], (int)args[2], 0);
            case CallKind.Faccessat2: return Access(call, server, first, args[1], (int)args[2], (int)args[3]);
            case CallKind.Readlink: return ReadLink(call, server, FcntlH.AT_FDCWD, args[0], args[1], (int)args[2]);
            case CallKind.Readlinkat: return ReadLink(call, server, first, args[1], args[2], (int)args[3]);
            case CallKind.Getxattr: return Attributes(call, server, args[0], follow: true, Errno.ENODATA);
            case CallKind.Lgetxattr: return Attributes(call, server, args[0], follow: false, Errno.ENODATA);
            case CallKind.Listxattr: return Attributes(call, server, args[0], follow: true, Errno.None);
            case CallKind.Llistxattr: return Attributes(call, server, args[0], follow: false, Errno.None);
            default: return Answer.Continue;
        }
    }

    private Answer Open(in SeccompNotif call, ServerThread server, int directory, ulong path, int flags, uint mode)
    {
        if (statuses.IsNeeded && ReadStatus(call, server, directory, path, flags) is byte[] status)
            return opens.OpenContent(call, "status", status, StatMode.S_IRUGO, flags);
        bool follow = (flags & FcntlH.O_NOFOLLOW) == 0 && (flags & (FcntlH.O_CREAT | FcntlH.O_EXCL)) != (FcntlH.O_CREAT | FcntlH.O_EXCL);
        Resolution found = Resolve(call, server, directory, path, follow);
        return opens.Open(call, server, found, flags, mode);
    }

    private byte[]? ReadStatus(in SeccompNotif call, ServerThread server, int directory, ulong address, int flags)
    {
        const int Others = FcntlH.O_ACCMODE | FcntlH.O_CREAT | FcntlH.O_DIRECTORY | FcntlH.O_PATH;
        int thread = (int)call.Pid;
        if ((flags & Others) != FcntlH.O_RDONLY || !PathArgument.TryRead(thread, address, server.Path, out ReadOnlySpan<byte> path)) return null;
        if (!path.EndsWith("status"u8)) return null;
        if (path[0] == '/') return statuses.TryRead(thread, path);
        return PathArgument.DirectoryOf(thread, directory) is string start
            ? statuses.TryRead(thread, Encoding.UTF8.GetBytes($"{start}/{Encoding.UTF8.GetString(path)}"))
            : null;
    }

    private Answer Open2(in SeccompNotif call, ServerThread server)
    {
        const ulong RESOLVE_BENEATH = 8, RESOLVE_IN_ROOT = 16;
        // struct open_how: flags, mode, resolve.
        Span<ulong> how = stackalloc ulong[3];
        ref readonly U64x6 args = ref call.Data.Args;
        if (args[3] < 24 || SysMemory.ReadProcess((int)call.Pid, args[2], MemoryMarshal.AsBytes(how)) != 24) return Answer.Continue;
        // Confined to a directory, the call means nothing of ours.
        if ((how[2] & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) != 0) return Answer.Continue;
        return Open(call, server, (int)args[0], args[1], (int)how[0], (uint)how[1]);
    }

    private Answer Stat(in SeccompNotif call, ServerThread server, int directory, ulong path, ulong result, int flags, bool extended = false)
    {
        if ((flags & FcntlH.AT_EMPTY_PATH) != 0 && IsEmpty(call, path)) return StatOpen(call, directory, result, extended);
        Resolution found = Resolve(call, server, directory, path, (flags & FcntlH.AT_SYMLINK_NOFOLLOW) == 0);
        if (found.Errno != Errno.None) return found.Errno;
        LinuxStat stat;
        if (found.Node is PathNode node)
        {
            if (!node.IsDirectory) return Put(call, _stats.Of(node), result, extended);
            if (!StandIns.IsNeeded(node))
            {
                if (!found.IsDetour) return Answer.Continue;
                Errno hosts = SysFiles.Stat(node.Path, follow: true, out stat);
                return hosts == Errno.None ? Put(call, stat, result, extended) : hosts;
            }

            // The same as fstat(2) says of it once it is open.
            Errno made = standIns.TryMake(node, out string standIn);
            if (made == Errno.None) made = SysFiles.Stat(standIn, follow: false, out stat);
            else stat = default;
            return made == Errno.None ? Put(call, stat, result, extended) : made;
        }

        if (found.HostPath is null) return Answer.Continue;
        Errno errno = SysFiles.Stat(found.HostPath, (flags & FcntlH.AT_SYMLINK_NOFOLLOW) == 0, out stat);
        return errno == Errno.None ? Put(call, stat, result, extended) : errno;
    }

    private Answer StatOpen(in SeccompNotif call, int descriptor, ulong result, bool extended)
    {
        if (descriptor < 0 || (nodes.IsEmpty && queues.IsEmpty && standIns.Device == 0)) return Answer.Continue;
        string link = string.Create(CultureInfo.InvariantCulture, $"/proc/{call.Pid}/fd/{descriptor}");
        // As on Linux, all files that are only had by a call look the same.
        if (TryFindQueue(link, out _) && SysFiles.Stat(queues.Notifier, out LinuxStat anonymous) == Errno.None)
            return Put(call, anonymous, result, extended);
        return TryFindOpen(link, out PathNode? node) ? Put(call, _stats.Of(node), result, extended) : Answer.Continue;
    }

    private bool TryFindQueue(string link, [NotNullWhen(true)] out QueueCarrier? queue)
    {
        queue = null;
        return !queues.IsEmpty && SysFiles.Stat(link, follow: true, out LinuxStat stat) == Errno.None && queues.TryFind(stat.Dev, stat.Ino, out queue);
    }

    // Which node of ours, no directory, an open file is, given the link in /proc that leads to it.
    private bool TryFindOpen(string link, [NotNullWhen(true)] out PathNode? node)
    {
        node = null;
        if (SysFiles.Stat(link, follow: true, out LinuxStat stat) != Errno.None) return false;
        if (nodes.TryHold(stat.Dev, stat.Ino, out OpenNode? open))
        {
            string path = open.Node.Path;
            open.Release();
            return paths.Tree.TryFind(path, out node);
        }

        // An O_PATH open of something of ours has the stand-in's file open.
        return stat.Dev == standIns.Device && PathArgument.ReadLink(link) is string standIn && standIns.TryMapBack(standIn, out string? ours)
            && paths.Tree.TryFind(ours, out node) && !node.IsDirectory;
    }

    private Answer Access(in SeccompNotif call, ServerThread server, int directory, ulong path, int wanted, int flags)
    {
        const int ReadOk = 4, WriteOk = 2, ExecuteOk = 1;
        Resolution found = Resolve(call, server, directory, path, (flags & FcntlH.AT_SYMLINK_NOFOLLOW) == 0);
        if (found.Errno != Errno.None) return found.Errno;
        if (found.HostPath is not null) return SysFiles.Access(found.HostPath, wanted);
        if (found.Node is not PathNode node) return Answer.Continue;
        if (node.IsDirectory)
        {
            if (!found.IsDetour && !StandIns.IsNeeded(node)) return Answer.Continue;
            return (wanted & WriteOk) != 0 ? Errno.EACCES : Errno.None;
        }

        uint mode = _stats.Of(node).Mode;
        bool refused = ((wanted & ReadOk) != 0 && (mode & StatMode.S_IRUGO) == 0)
            || ((wanted & WriteOk) != 0 && (mode & StatMode.S_IWUGO) == 0)
            || ((wanted & ExecuteOk) != 0 && (mode & StatMode.S_IXUGO) == 0);
        return refused ? Errno.EACCES : Errno.None;
    }

    private Answer ReadLink(in SeccompNotif call, ServerThread server, int directory, ulong path, ulong result, int size)
    {
        Resolution found = Resolve(call, server, directory, path, follow: false);
        if (found.Errno != Errno.None) return found.Errno;
        if (size <= 0) return Answer.Continue;
        if (found.IsHosts)
            return DescriptorText(call, server, path) is string open ? Put(call, Encoding.UTF8.GetBytes(open), result, size) : Answer.Continue;
        if (found.Node is PathNode node)
            return node.Entry is VirtualLink link ? Put(call, Encoding.UTF8.GetBytes(link.Target), result, size) : Errno.EINVAL;
        Span<byte> text = stackalloc byte[4096];
        SysResult got = SysFiles.ReadLink(found.HostPath!, text);
        return got.IsOk ? Put(call, text[..(int)got.Value], result, size) : got;
    }

    // Nothing of ours has extended attributes: ls -l asks for them.
    private Answer Attributes(in SeccompNotif call, ServerThread server, ulong path, bool follow, Errno none)
    {
        Resolution found = Resolve(call, server, FcntlH.AT_FDCWD, path, follow);
        if (found.Errno != Errno.None) return found.Errno;
        bool kernels = found.IsHosts || (found.Node is { IsDirectory: true } node && !found.IsDetour && !StandIns.IsNeeded(node));
        return kernels ? Answer.Continue : none;
    }

    private Resolution Resolve(in SeccompNotif call, ServerThread server, int directory, ulong address, bool follow)
    {
        int thread = (int)call.Pid;
        if (!PathArgument.TryRead(thread, address, server.Path, out ReadOnlySpan<byte> path) || path.IsEmpty) return Resolution.Hosts;
        bool absolute = path[0] == '/';
        // Linux opens a device anew through such a path; the kernel would open the carrier.
        if (absolute && follow && DescriptorPath.TryParse(path, thread) is string link && TryFindOpen(link, out PathNode? open))
            return Resolution.Of(open, detour: true);
        if (absolute && !MayBeOurs(path)) return Resolution.Hosts;

        string? start = null;
        bool detour = false;
        if (!absolute)
        {
            start = PathArgument.DirectoryOf(thread, directory);
            if (start is null) return Resolution.Hosts;
            if (standIns.TryMapBack(start, out string? ours)) (start, detour) = (ours, true);
            else if (!MayBeOurs(start) && path.IndexOf(".."u8) < 0) return Resolution.Hosts;
        }

        Span<char> text = stackalloc char[path.Length];
        int length = Encoding.UTF8.GetChars(path, text);
        return PathResolver.Resolve(paths.Tree, text[..length], start, detour, follow, PathArgument.Canonical);
    }

    // What the link of a descriptor in /proc is to say, if it is one of ours.
    private string? DescriptorText(in SeccompNotif call, ServerThread server, ulong address)
    {
        if (!PathArgument.TryRead((int)call.Pid, address, server.Path, out ReadOnlySpan<byte> path)
            || DescriptorPath.TryParse(path, (int)call.Pid) is not string link) return null;
        if (TryFindQueue(link, out QueueCarrier? queue)) return "anon_inode:" + queue.Name;
        return TryFindOpen(link, out PathNode? node) ? node.Path : null;
    }

    // Whether an absolute path can lead to /dev or /sys.
    private static bool MayBeOurs(ReadOnlySpan<byte> path)
    {
        path = path.TrimStart((byte)'/');
        return path.IsEmpty || path.StartsWith("dev"u8) || path.StartsWith("sys"u8) || path[0] == '.';
    }

    private static bool MayBeOurs(string path) =>
        path == "/" || path.StartsWith("/dev", StringComparison.Ordinal) || path.StartsWith("/sys", StringComparison.Ordinal);

    // An empty path, or none at all, which Linux takes for empty since 6.11.
    private static bool IsEmpty(in SeccompNotif call, ulong path)
    {
        Span<byte> first = stackalloc byte[1];
        return path == 0 || (SysMemory.ReadProcess((int)call.Pid, path, first) == 1 && first[0] == 0);
    }

    private static Answer Put(in SeccompNotif call, in LinuxStat stat, ulong result, bool extended)
    {
        if (!extended) return Put(call, MemoryMarshal.AsBytes(new ReadOnlySpan<LinuxStat>(in stat)), result);
        LinuxStatx statx = NodeStat.ToStatx(stat);
        return Put(call, MemoryMarshal.AsBytes(new ReadOnlySpan<LinuxStatx>(in statx)), result);
    }

    private static Answer Put(in SeccompNotif call, ReadOnlySpan<byte> bytes, ulong result) =>
        SysMemory.WriteProcess((int)call.Pid, result, bytes) == bytes.Length ? Errno.None : Errno.EFAULT;

    private static Answer Put(in SeccompNotif call, ReadOnlySpan<byte> text, ulong result, int size)
    {
        text = text[..Math.Min(size, text.Length)];
        return SysMemory.WriteProcess((int)call.Pid, result, text) == text.Length ? SysResult.Ok(text.Length) : Errno.EFAULT;
    }
}
