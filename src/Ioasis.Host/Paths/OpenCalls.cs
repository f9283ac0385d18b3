using Ioasis.Abi;
using Ioasis.Host.Devices;
using Ioasis.Host.Serving;
using Ioasis.Linux.Files;
using Ioasis.Linux.Seccomp;
using Ioasis.Machine.Nodes;

namespace Ioasis.Host.Paths;

/// <summary>Opens what a path was found to lead to, and places it in the caller.</summary>
internal sealed class OpenCalls(SeccompListener listener, StandIns standIns, DeviceCalls devices, AttributeFiles attributes)
{
    /// <summary>Answers an open(2).</summary>
    public Answer Open(in SeccompNotif call, ServerThread server, in Resolution found, int flags, uint mode)
    {
        if (found.Errno != Errno.None) return found.Errno == Errno.ENOENT && (flags & FcntlH.O_CREAT) != 0 ? Errno.EACCES : found.Errno;
        if (found.HostPath is not null) return Place(call, found.HostPath, flags, mode);
        if (found.Node is not PathNode node) return Answer.Continue;

        if ((flags & (FcntlH.O_CREAT | FcntlH.O_EXCL)) == (FcntlH.O_CREAT | FcntlH.O_EXCL)) return Errno.EEXIST;
        if (node.IsDirectory) return OpenDirectory(call, node, found.IsDetour, flags, mode);
        if (node.Entry is VirtualLink) return Errno.ELOOP; // only O_NOFOLLOW ends at a link
        if ((flags & FcntlH.O_DIRECTORY) != 0) return Errno.ENOTDIR;
        if ((flags & FcntlH.O_PATH) != 0) return OpenName(call, node, flags);
        return node.Entry switch
        {
            VirtualDevice device => devices.Open(call, server, device.Node, flags),
            VirtualFile file => OpenFile(call, server, node, file, flags),
            _ => Errno.ENXIO,
        };
    }

    private Answer OpenDirectory(in SeccompNotif call, PathNode node, bool detour, int flags, uint mode)
    {
        if (!StandIns.IsNeeded(node)) return detour ? Place(call, node.Path, flags, mode) : Answer.Continue;
        if ((flags & FcntlH.O_TMPFILE_BIT) != 0) return Errno.EOPNOTSUPP;
        if ((flags & FcntlH.O_PATH) == 0 && ((flags & FcntlH.O_ACCMODE) != FcntlH.O_RDONLY || (flags & FcntlH.O_CREAT) != 0)) return Errno.EISDIR;
        Errno errno = standIns.TryMake(node, out string path);
        return errno == Errno.None ? Place(call, path, flags & ~FcntlH.O_CREAT, 0) : errno;
    }

    // As in sysfs, the mode counts for root too.
    private Answer OpenFile(in SeccompNotif call, ServerThread server, PathNode node, VirtualFile content, int flags)
    {
        int access = flags & FcntlH.O_ACCMODE;
        if (access != FcntlH.O_WRONLY && (content.Mode & StatMode.S_IRUGO) == 0) return Errno.EACCES;
        if (access != FcntlH.O_RDONLY && (content.Mode & StatMode.S_IWUGO) == 0) return Errno.EACCES;
        if (access != FcntlH.O_RDONLY && content.Store is { } store) return devices.Open(call, server, attributes.NodeOf(content.Path, content.Mode, store), flags);
        return OpenContent(call, node.Name, content.Content(), content.Mode, flags);
    }

    /// <summary>Answers an open(2) with a file that has these bytes, as they are now.</summary>
    public Answer OpenContent(in SeccompNotif call, string name, byte[] content, uint mode, int flags)
    {
        Errno errno = SysFiles.CreateMemfd(name, FcntlH.MFD_CLOEXEC | FcntlH.MFD_ALLOW_SEALING, out FileDescriptor file);
        if (errno != Errno.None) return errno;
        using (file)
        {
            SysResult put = SysFiles.WriteAt(file, content, 0);
            if (!put.IsOk) return put.Errno;
            SysFiles.ChangeMode(file, mode);
            SysFiles.Fcntl(file, FcntlH.F_ADD_SEALS, FcntlH.F_SEAL_SHRINK | FcntlH.F_SEAL_GROW | FcntlH.F_SEAL_WRITE | FcntlH.F_SEAL_SEAL);
            return Place(call, $"/proc/self/fd/{file.Number}", flags & (FcntlH.O_ACCMODE | FcntlH.O_CLOEXEC), 0);
        }
    }

    // For O_PATH, which only names a file: what it names is known by the stand-in's path.
    private Answer OpenName(in SeccompNotif call, PathNode node, int flags)
    {
        Errno errno = standIns.TryMakeName(node, out string path);
        return errno == Errno.None ? Place(call, path, flags, 0) : errno;
    }

    private Answer Place(in SeccompNotif call, string path, int flags, uint mode)
    {
        // A file that was opened with O_PATH cannot be placed in another process.
        if ((flags & FcntlH.O_PATH) != 0) flags = FcntlH.O_RDONLY | (flags & (FcntlH.O_CLOEXEC | FcntlH.O_DIRECTORY | FcntlH.O_NOFOLLOW));
        Errno errno = SysFiles.Open(path, flags, out FileDescriptor file, mode);
        if (errno != Errno.None) return errno;
        using (file)
        {
            SysResult sent = listener.PlaceFile(call.Id, file, (flags & FcntlH.O_CLOEXEC) != 0, answers: true);
            return sent.IsOk ? Answer.Sent : sent.Errno;
        }
    }
}
