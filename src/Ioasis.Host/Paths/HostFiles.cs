using System.Globalization;
using System.Text;
using Ioasis.Abi;
using Ioasis.Host.Callers;
using Ioasis.Linux.Files;

namespace Ioasis.Host.Paths;

/// <summary>
/// Files of the host that a caller reaches by a path that the kernel cannot follow: through a link or a directory of
/// ours and out again. Every operation has the caller's rights (<see cref="CallersRights"/>) and uses one open file, so
/// the file that was checked is the one that is used. Nothing in /proc is reached this way, because its links depend on
/// who reads them. Nothing is created.
/// </summary>
/// <remarks>Paths are absolute. Each character is a byte.</remarks>
internal sealed class HostFiles(CallersRights rights)
{
    /// <summary>stat(2), or lstat(2).</summary>
    public Errno Stat(in SeccompNotif call, string path, bool follow, out LinuxStat stat)
    {
        LinuxStat found = default;
        Errno errno = Act(call, path, follow, real: false, file => SysFiles.Stat(file, out found));
        stat = found;
        return errno;
    }

    /// <summary>statfs(2).</summary>
    public Errno StatFileSystem(in SeccompNotif call, string path, out LinuxStatFs stat)
    {
        LinuxStatFs found = default;
        Errno errno = Act(call, path, follow: true, real: false, file => SysPaths.StatFileSystem(file, out found));
        stat = found;
        return errno;
    }

    /// <summary>access(2), with the caller's real or effective IDs.</summary>
    public Errno Access(in SeccompNotif call, string path, bool follow, int mode, bool real) =>
        Act(call, path, follow, real, file => SysPaths.Access(file, mode));

    /// <summary>readlink(2).</summary>
    public Errno ReadLink(in SeccompNotif call, string path, out byte[] text)
    {
        byte[] found = [];
        Errno errno = Act(call, path, follow: false, real: false, file =>
        {
            var room = new byte[4096];
            SysResult got = SysFiles.ReadLinkAt(file, "\0"u8, room);
            if (got.IsOk) found = room[..(int)got.Value];
            // ENOENT here means that an empty path names no link.
            return got.Errno == Errno.ENOENT ? Errno.EINVAL : got.Errno;
        });
        text = found;
        return errno;
    }

    /// <summary>
    /// Opens an existing regular file or directory. Of other files, opens only those that cannot block and are the same
    /// for everybody.
    /// </summary>
    /// <param name="call">The call.</param>
    /// <param name="path">The path.</param>
    /// <param name="flags">The flags of open(2), without O_PATH.</param>
    /// <param name="file">The open file.</param>
    public Errno Open(in SeccompNotif call, string path, int flags, out FileDescriptor? file)
    {
        FileDescriptor? opened = null;
        Errno errno = Act(call, path, (flags & FcntlH.O_NOFOLLOW) == 0, real: false,
            found => Reopen(found, flags, out opened));
        file = opened;
        // The file would have to be created.
        return errno == Errno.ENOENT && (flags & FcntlH.O_CREAT) != 0 ? Errno.EACCES : errno;
    }

    /// <summary>The path without links, <c>.</c> and <c>..</c>.</summary>
    public Errno Canonical(in SeccompNotif call, string path, out string canonical)
    {
        string text = "";
        Errno errno = Act(call, path, follow: true, real: false, file =>
        {
            text = PathArgument.ReadLink(OwnPath(file)) ?? "";
            return text is ['/', ..] ? Errno.None : Errno.ENOENT;
        });
        canonical = text;
        return errno;
    }

    private static Errno Reopen(FileDescriptor found, int flags, out FileDescriptor? file)
    {
        file = null;
        Errno errno = SysFiles.Stat(found, out LinuxStat stat);
        if (errno != Errno.None) return errno;
        uint kind = stat.Mode & StatMode.S_IFMT;
        if ((flags & FcntlH.O_CREAT) != 0 && (flags & FcntlH.O_EXCL) != 0) return Errno.EEXIST;
        if (kind == StatMode.S_IFLNK) return Errno.ELOOP; // O_NOFOLLOW
        if (kind == StatMode.S_IFDIR && (flags & FcntlH.O_CREAT) != 0) return Errno.EISDIR;
        if (kind != StatMode.S_IFDIR && (flags & FcntlH.O_DIRECTORY) != 0) return Errno.ENOTDIR;
        if ((flags & FcntlH.O_TMPFILE_BIT) != 0) return Errno.EACCES;
        // A device has further access rules (cgroups), and a FIFO waits for its other end.
        bool waits = kind == StatMode.S_IFIFO && (flags & FcntlH.O_NONBLOCK) == 0;
        if (waits || kind is StatMode.S_IFBLK || (kind == StatMode.S_IFCHR && !IsMemoryDevice(stat.Rdev)))
            return Errno.EACCES;
        errno = SysFiles.Open(OwnPath(found), flags & ~(FcntlH.O_CREAT | FcntlH.O_EXCL | FcntlH.O_NOFOLLOW),
            out FileDescriptor opened);
        file = opened;
        return errno;
    }

    // /dev/null, zero, full, random and urandom: accessible to everybody, wherever they are.
    private static bool IsMemoryDevice(ulong device) =>
        StatMode.Major(device) == 1 && StatMode.Minor(device) is 3 or 5 or 7 or 8 or 9;

    private Errno Act(in SeccompNotif call, string path, bool follow, bool real, Func<FileDescriptor, Errno> act)
    {
        byte[] bytes = Encoding.Latin1.GetBytes(path + '\0');
        return rights.Act(call, real, () =>
        {
            int flags = FcntlH.O_PATH | (follow ? 0 : FcntlH.O_NOFOLLOW);
            Errno errno = SysPaths.Open(bytes, flags, SysPaths.RESOLVE_NO_MAGICLINKS, out FileDescriptor file);
            if (errno != Errno.None) return errno;
            using (file)
            {
                errno = SysPaths.StatFileSystem(file, out LinuxStatFs system);
                if (errno != Errno.None) return errno;
                return system.Type == LinuxStatFs.PROC_SUPER_MAGIC ? Errno.EACCES : act(file);
            }
        });
    }

    private static string OwnPath(FileDescriptor file) =>
        string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{file.Number}");
}
