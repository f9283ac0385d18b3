using System.Runtime.InteropServices;
using System.Text;
using Ioasis.Abi;
using Ioasis.Host.Callers;
using Ioasis.Host.Filter;
using Ioasis.Host.Serving;
using Ioasis.Linux.Files;
using Ioasis.Linux.Memory;
using Ioasis.Machine.Nodes;

namespace Ioasis.Host.Paths;

/// <summary>The calls that name a file by a path, or that query an open file.</summary>
internal sealed class PathCalls(
    PathLookup lookup, StatCalls stats, OpenCalls opens, OwnerCalls owners, DirectoryCalls directories,
    StatusFiles statuses, HostFiles hosts, CallersRights rights, CallerMemory memory)
{
    private const int Cwd = FcntlH.AT_FDCWD, NoFollow = FcntlH.AT_SYMLINK_NOFOLLOW;

    /// <summary>Serves a call.</summary>
    public Answer Serve(in SeccompNotif call, ServerThread server)
    {
        ref readonly U64x6 args = ref call.Data.Args;
        int first = (int)args[0];
        switch (TrappedCalls.KindOf(call.Data))
        {
            case CallKind.Open: return Open(call, server, Cwd, args[0], (int)args[1]);
            case CallKind.Creat:
                return Open(call, server, Cwd, args[0], FcntlH.O_CREAT | FcntlH.O_WRONLY | FcntlH.O_TRUNC);
            case CallKind.Openat: return Open(call, server, first, args[1], (int)args[2]);
            case CallKind.Openat2: return Open2(call, server);
            case CallKind.Stat: return stats.Stat(call, server, Cwd, args[0], args[1], 0);
            case CallKind.Lstat: return stats.Stat(call, server, Cwd, args[0], args[1], NoFollow);
            case CallKind.Fstat: return stats.StatOpen(call, first, args[1], extended: false);
            case CallKind.Newfstatat:
                return PathFlags.AreRefusedByStat((int)args[3])
                    ? Answer.Continue
                    : stats.Stat(call, server, first, args[1], args[2], (int)args[3]);
            case CallKind.Statx:
                return PathFlags.AreRefusedByStatx((int)args[2], (uint)args[3])
                    ? Answer.Continue
                    : stats.Stat(call, server, first, args[1], args[4], (int)args[2], extended: true);
            case CallKind.Statfs: return stats.StatFileSystem(call, server, args[0], args[1]);
            case CallKind.Fstatfs: return stats.StatFileSystemOfOpen(call, first, args[1]);
            case CallKind.Access: return stats.Access(call, server, Cwd, args[0], (int)args[1], 0);
            case CallKind.Faccessat: return stats.Access(call, server, first, args[1], (int)args[2], 0);
            case CallKind.Faccessat2: return stats.Access(call, server, first, args[1], (int)args[2], (int)args[3]);
            case CallKind.Readlink: return ReadLink(call, server, Cwd, args[0], args[1], (int)args[2]);
            case CallKind.Readlinkat: return ReadLink(call, server, first, args[1], args[2], (int)args[3]);
            case CallKind.Getxattr: return Attribute(call, server, args[0], args[1], follow: true);
            case CallKind.Lgetxattr: return Attribute(call, server, args[0], args[1], follow: false);
            case CallKind.Listxattr: return Attributes(call, server, args[0], follow: true, Errno.None);
            case CallKind.Llistxattr: return Attributes(call, server, args[0], follow: false, Errno.None);
            case CallKind.Setxattr: return Attributes(call, server, args[0], follow: true, Errno.EPERM);
            case CallKind.Lsetxattr: return Attributes(call, server, args[0], follow: false, Errno.EPERM);
            case CallKind.Chmod: return owners.ChangeMode(call, server, Cwd, args[0], (uint)args[1], 0);
            case CallKind.Fchmod: return owners.ChangeModeOfOpen(call, first, (uint)args[1], byPath: false);
            case CallKind.Fchmodat: return owners.ChangeMode(call, server, first, args[1], (uint)args[2], 0);
            case CallKind.Fchmodat2:
                return owners.ChangeMode(call, server, first, args[1], (uint)args[2], (int)args[3]);
            case CallKind.Chown: return owners.ChangeOwner(call, server, Cwd, args[0], (uint)args[1], (uint)args[2], 0);
            case CallKind.Lchown:
                return owners.ChangeOwner(call, server, Cwd, args[0], (uint)args[1], (uint)args[2], NoFollow);
            case CallKind.Fchown:
                return owners.ChangeOwnerOfOpen(call, first, (uint)args[1], (uint)args[2], byPath: false);
            case CallKind.Fchownat:
                return owners.ChangeOwner(
                    call, server, first, args[1], (uint)args[2], (uint)args[3], (int)args[4]);
            case CallKind.Chdir: return directories.Change(call, server, args[0]);
            case CallKind.Getcwd: return directories.Tell(call, args[0], args[1]);
            case CallKind.Landlock:
                rights.NoteLandlock();
                return Answer.Continue;
            default: return Answer.Continue;
        }
    }

    /// <summary>
    /// Refuses a call that the kernel would make on a descriptor, if the descriptor only stands in for a file of ours.
    /// </summary>
    /// <param name="call">The call.</param>
    /// <param name="descriptor">The descriptor.</param>
    /// <param name="ofContent">The errno for the file of an attribute; None if the kernel's own answer is
    /// right.</param>
    public Answer Refuse(in SeccompNotif call, int descriptor, Errno ofContent)
    {
        if (!lookup.TryFind(call, descriptor, out OpenThing thing)) return Answer.Continue;
        if (thing.IsName) return Errno.EBADF;
        return ofContent != Errno.None && thing.Node?.Entry is VirtualFile ? ofContent : Answer.Continue;
    }

    private Answer Open(in SeccompNotif call, ServerThread server, int directory, ulong path, int given,
        ulong resolve = 0)
    {
        int flags = PathFlags.ForOpen(given);
        if (PathFlags.AreRefused(flags)) return Answer.Continue;
        if (statuses.IsNeeded && ReadStatus(call, server, directory, path, flags) is byte[] status)
            return opens.OpenContent(call, "status", status, StatMode.S_IRUGO, flags);
        bool follow = (flags & FcntlH.O_NOFOLLOW) == 0
            && (flags & (FcntlH.O_CREAT | FcntlH.O_EXCL)) != (FcntlH.O_CREAT | FcntlH.O_EXCL);
        return opens.Open(call, server,
            lookup.Resolve(call, server, directory, path, new PathScope(follow, resolve)), flags);
    }

    private byte[]? ReadStatus(in SeccompNotif call, ServerThread server, int directory, ulong address, int flags)
    {
        const int Others = FcntlH.O_ACCMODE | FcntlH.O_CREAT | FcntlH.O_DIRECTORY | FcntlH.O_PATH;
        int thread = (int)call.Pid;
        if ((flags & Others) != FcntlH.O_RDONLY
            || !PathArgument.TryRead(thread, address, server.Path, out ReadOnlySpan<byte> path)) return null;
        if (!path.EndsWith("status"u8)) return null;
        if (path[0] == '/') return statuses.TryRead(thread, path);
        return PathArgument.DirectoryOf(thread, directory) is string start
            ? statuses.TryRead(thread, [.. Encoding.Latin1.GetBytes(start), (byte)'/', .. path])
            : null;
    }

    private Answer Open2(in SeccompNotif call, ServerThread server)
    {
        const int KnownSize = 24, LargestSize = 4096; // struct open_how: flags, mode, resolve
        ref readonly U64x6 args = ref call.Data.Args;
        if (args[3] is < KnownSize or > LargestSize) return Answer.Continue;
        var how = new ulong[(args[3] + 7) / 8];
        Span<byte> bytes = MemoryMarshal.AsBytes(how.AsSpan())[..(int)args[3]];
        if (SysMemory.ReadProcess((int)call.Pid, args[2], bytes) != bytes.Length) return Answer.Continue;
        if (bytes[KnownSize..].ContainsAnyExcept((byte)0) || PathFlags.AreRefused(how[0], how[1], how[2]))
            return Answer.Continue;
        return Open(call, server, (int)args[0], args[1], (int)how[0], how[2]);
    }

    private Answer ReadLink(
        in SeccompNotif call, ServerThread server, int directory, ulong path, ulong result, int size)
    {
        if (size <= 0) return Answer.Continue;
        if (directory != Cwd && PathLookup.IsEmpty(call, path))
        {
            // The link itself was opened with O_PATH.
            if (!lookup.TryFind(call, directory, out OpenThing thing) || !thing.IsName) return Answer.Continue;
            return thing.Node is not null
                ? TextOf(call, thing.Node, result, size, Errno.ENOENT)
                : HostLink(call, thing.HostPath!, result, size);
        }

        Resolution found = lookup.Resolve(call, server, directory, path, false);
        if (found.Errno != Errno.None) return found.Errno;
        if (found.IsHosts)
        {
            return lookup.DescriptorText(call, server, directory, path) is string open
                ? Put(call, Encoding.Latin1.GetBytes(open), result, size)
                : Answer.Continue;
        }

        return found.Node is not null
            ? TextOf(call, found.Node, result, size, Errno.EINVAL)
            : HostLink(call, found.HostPath!, result, size);
    }

    private Answer TextOf(in SeccompNotif call, PathNode node, ulong result, int size, Errno none) =>
        node.Entry is VirtualLink link ? Put(call, Encoding.Latin1.GetBytes(link.Target), result, size) : none;

    private Answer HostLink(in SeccompNotif call, string path, ulong result, int size)
    {
        Errno errno = hosts.ReadLink(call, path, out byte[] text);
        return errno == Errno.None ? Put(call, text, result, size) : errno;
    }

    private Answer Put(in SeccompNotif call, ReadOnlySpan<byte> text, ulong result, int size)
    {
        text = text[..Math.Min(size, text.Length)];
        Errno errno = memory.Write(call, result, text);
        return errno == Errno.None ? SysResult.Ok(text.Length) : errno;
    }

    private Answer Attribute(in SeccompNotif call, ServerThread server, ulong path, ulong name, bool follow)
    {
        const int LongestName = 255;
        Answer known = Attributes(call, server, path, follow, Errno.ENODATA);
        if (known.IsContinue) return known;
        // Reads up to the longest name and one byte more, to detect a longer one.
        if (!PathArgument.TryRead((int)call.Pid, name, server.Path, out ReadOnlySpan<byte> text)) return Errno.EFAULT;
        if (text.IsEmpty || text.Length > LongestName) return Errno.ERANGE;
        bool isKnown = text.StartsWith("user."u8) || text.StartsWith("trusted."u8) || text.StartsWith("security."u8)
            || text.StartsWith("system."u8);
        return isKnown ? known : Errno.EOPNOTSUPP;
    }

    // Our files have no extended attributes. (ls -l asks for them.)
    private Answer Attributes(in SeccompNotif call, ServerThread server, ulong path, bool follow, Errno none)
    {
        Resolution found = lookup.Resolve(call, server, Cwd, path, follow);
        if (found.Errno != Errno.None) return found.Errno;
        bool kernels = found.IsHosts
            || (found.Node is { IsDirectory: true } node && !found.IsDetour && !StandIns.IsNeeded(node));
        return kernels ? Answer.Continue : none;
    }
}
