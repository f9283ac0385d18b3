using System.Globalization;
using Ioasis.Abi;
using Ioasis.Host.Callers;
using Ioasis.Host.Devices;
using Ioasis.Host.Serving;
using Ioasis.Linux.Files;
using Ioasis.Linux.Seccomp;
using Ioasis.Machine.Nodes;

namespace Ioasis.Host.Paths;

/// <summary>Opens the file that a path leads to, and installs it in the caller.</summary>
internal sealed class OpenCalls(
    SeccompListener listener, StandIns standIns, NamedFiles names, NodeStat stats, HostFiles hosts,
    CallersRights rights, DeviceCalls devices, AttributeFiles attributes)
{
    /// <summary>Answers an open(2).</summary>
    /// <param name="call">The call.</param>
    /// <param name="server">The thread that serves it.</param>
    /// <param name="found">The resolution of its path.</param>
    /// <param name="flags">The flags from <see cref="PathFlags.ForOpen"/>, after a check that they are valid.</param>
    public Answer Open(in SeccompNotif call, ServerThread server, in Resolution found, int flags)
    {
        if (found.Errno != Errno.None)
            return found.Errno == Errno.ENOENT && (flags & FcntlH.O_CREAT) != 0 ? Errno.EACCES : found.Errno;
        if (found.HostPath is not null) return OpenHosts(call, found.HostPath, flags);
        if (found.Node is not PathNode node) return Answer.Continue;

        if ((flags & (FcntlH.O_CREAT | FcntlH.O_EXCL)) == (FcntlH.O_CREAT | FcntlH.O_EXCL)) return Errno.EEXIST;
        if (node.IsDirectory) return OpenDirectory(call, node, found.IsDetour, flags);
        bool nameOnly = (flags & FcntlH.O_PATH) != 0;
        if ((flags & FcntlH.O_DIRECTORY) != 0) return Errno.ENOTDIR;
        if (nameOnly) return OpenName(call, node.Path, flags);
        if (node.Entry is VirtualLink) return Errno.ELOOP; // only O_NOFOLLOW ends at a link
        Errno errno = MayOpen(call, stats.OwnerOf(node), flags);
        if (errno != Errno.None) return errno;
        return node.Entry switch
        {
            VirtualDevice device => (flags & FcntlH.O_DIRECT) != 0
                ? Errno.EINVAL
                : devices.Open(call, device.Node, flags),
            VirtualFile file => OpenFile(call, server, node, file, flags),
            _ => Errno.ENXIO,
        };
    }

    /// <summary>Answers an open(2) with a file that has these bytes.</summary>
    /// <param name="call">The call.</param>
    /// <param name="path">The path that it stands for.</param>
    /// <param name="content">The bytes.</param>
    /// <param name="mode">Its mode.</param>
    /// <param name="flags">The flags of open(2).</param>
    public Answer OpenContent(in SeccompNotif call, string path, byte[] content, uint mode, int flags)
    {
        Errno errno = names.Create(path, content, mode, out FileDescriptor file);
        if (errno != Errno.None) return errno;
        using (file)
        {
            string own = string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{file.Number}");
            return Place(call, SysFiles.Open(own, flags & FcntlH.O_ACCMODE, out FileDescriptor opened), opened, flags);
        }
    }

    private Answer OpenDirectory(in SeccompNotif call, PathNode node, bool detour, int flags)
    {
        if (!StandIns.IsNeeded(node)) return detour ? OpenHosts(call, node.Path, flags) : Answer.Continue;
        if ((flags & FcntlH.O_TMPFILE_BIT) != 0) return Errno.EOPNOTSUPP;
        if ((flags & FcntlH.O_PATH) == 0)
        {
            if ((flags & FcntlH.O_ACCMODE) != FcntlH.O_RDONLY || (flags & FcntlH.O_CREAT) != 0) return Errno.EISDIR;
            if (!rights.Permits(call, stats.OwnerOf(node), FilePermission.MAY_READ)) return Errno.EACCES;
        }

        FileDescriptor? file = null;
        Errno errno = standIns.TryMake(node, rights.SharesRoot((int)call.Pid), out string path);
        if (errno == Errno.None) errno = SysFiles.Open(path, FcntlH.O_RDONLY | FcntlH.O_DIRECTORY, out file);
        return Place(call, errno, file, flags);
    }

    private Errno MayOpen(in SeccompNotif call, in FileOwner owner, int flags)
    {
        // Access mode 3, for ioctls alone, requires both as well.
        uint wanted = (flags & FcntlH.O_ACCMODE) switch
        {
            FcntlH.O_RDONLY => FilePermission.MAY_READ,
            FcntlH.O_WRONLY => FilePermission.MAY_WRITE,
            _ => FilePermission.MAY_READ | FilePermission.MAY_WRITE,
        };
        if ((flags & FcntlH.O_TRUNC) != 0) wanted |= FilePermission.MAY_WRITE;
        if (!rights.Permits(call, owner, wanted)) return Errno.EACCES;
        if ((flags & FcntlH.O_NOATIME) == 0) return Errno.None;
        return rights.TryRead(call, owner, out CallerCredentials? who) && FilePermission.IsOwner(who!, owner)
            ? Errno.None
            : Errno.EPERM;
    }

    // As in sysfs, the mode applies to root too.
    private Answer OpenFile(in SeccompNotif call, ServerThread server, PathNode node, VirtualFile content, int flags)
    {
        int access = flags & FcntlH.O_ACCMODE;
        uint mode = stats.OwnerOf(node).Mode;
        bool isWritten = access != FcntlH.O_RDONLY;
        if (access != FcntlH.O_WRONLY && (mode & StatMode.S_IRUGO) == 0) return Errno.EACCES;
        if (isWritten && ((mode & StatMode.S_IWUGO) == 0 || !content.IsWritable)) return Errno.EACCES;
        if ((flags & FcntlH.O_DIRECT) != 0) return Errno.EINVAL;
        const int CAP_SYS_ADMIN = 21;
        SeccompNotif caller = call;
        FileOwner owner = stats.OwnerOf(node);
        if (isWritten && !HasAll(content.StoreCapabilities)) return Errno.EACCES;
        bool IsAdmin() => HasAll([CAP_SYS_ADMIN]);
        bool HasAll(IReadOnlyList<int> capabilities) => capabilities.Count == 0
            || (rights.TryRead(caller, owner, out CallerCredentials? who) && capabilities.All(who!.HasCapability));
        return attributes.NodeOf(content, isWritten, IsAdmin) is { } opened
            ? devices.Open(call, opened, flags)
            : OpenContent(call, node.Path, content.Content(), content.Mode, flags);
    }

    // O_PATH only names a file. The kernel cannot install such a file in another process, so the program gets an
    // ordinary file that contains the name.
    private Answer OpenName(in SeccompNotif call, string path, int flags) =>
        Place(call, names.CreateName(path, out FileDescriptor file), file, flags);

    private Answer OpenHosts(in SeccompNotif call, string path, int flags)
    {
        FileDescriptor? file;
        if ((flags & FcntlH.O_PATH) != 0)
        {
            Errno errno = hosts.Stat(call, path, (flags & FcntlH.O_NOFOLLOW) == 0, out LinuxStat stat);
            if (errno != Errno.None) return errno;
            bool isDirectory = (stat.Mode & StatMode.S_IFMT) == StatMode.S_IFDIR;
            if (!isDirectory && (flags & FcntlH.O_DIRECTORY) != 0) return Errno.ENOTDIR;
            if (!isDirectory) return OpenName(call, path, flags);
            flags &= ~FcntlH.O_PATH;
        }

        Errno opened = hosts.Open(call, path, flags & ~FcntlH.O_CLOEXEC, out file);
        return Place(call, opened, file, flags);
    }

    private Answer Place(in SeccompNotif call, Errno errno, FileDescriptor? file, int flags)
    {
        if (errno != Errno.None) return errno;
        using (file)
        {
            SysResult sent = listener.PlaceFile(call.Id, file!, (flags & FcntlH.O_CLOEXEC) != 0, answers: true);
            return sent.IsOk ? Answer.Sent : sent.Errno;
        }
    }
}
