using System.Buffers.Text;
using Ioasis.Abi;
using Ioasis.Host.Doctor;
using Ioasis.Iommufd;
using Ioasis.Iommufd.Files;
using Ioasis.Linux.Files;
using Ioasis.Linux.Processes;

namespace Ioasis.Host.Callers;

/// <summary>Fetches callers' open files that are not nodes of ours.</summary>
internal static class CallerFiles
{
    /// <summary>The open file behind a descriptor of a thread.</summary>
    /// <returns>EBADF if it is not open. ENOMEM if we lack the resources to find out.</returns>
    public static Errno Get(CallerThread thread, int descriptor, out IOpenFile? file)
    {
        file = null;
        Errno errno = Fetch(thread, descriptor, out FileDescriptor fetched);
        if (errno != Errno.None) return Told(errno, descriptor);
        if (IsPlace(fetched))
        {
            fetched.Dispose();
            return Errno.EBADF.Because($"descriptor {descriptor} is opened with O_PATH");
        }

        if (IsEventFd(fetched)) file = new EventFile(fetched);
        else if (SysFiles.Fcntl(fetched, FcntlH.F_GET_SEALS).IsOk) file = new MemoryFile(fetched, thread);
        else file = OtherFile.Instance;
        if (file is OtherFile) fetched.Dispose();
        return Errno.None;
    }

    /// <summary>Duplicates a caller's descriptor into ours; false if it is not open.</summary>
    public static bool TryFetch(CallerThread thread, int descriptor, out FileDescriptor fetched) =>
        Fetch(thread, descriptor, out fetched) == Errno.None;

    /// <summary>
    /// The errno for a program whose descriptor we failed to inspect. Our shortage of descriptors must not look like
    /// the program's.
    /// </summary>
    public static Errno Told(Errno errno, int descriptor) => errno switch
    {
        Errno.EMFILE or Errno.ENFILE or Errno.ENOMEM
            => Errno.ENOMEM.Because("the supervisor lacks the means to look at the program's files"),
        Errno.EPERM or Errno.ENOSYS => Errno.EPERM.Because($"the host forbids to fetch descriptor {descriptor}"),
        _ => Errno.EBADF.Because($"descriptor {descriptor} is not open"),
    };

    private static Errno Fetch(CallerThread thread, int descriptor, out FileDescriptor fetched)
    {
        // The first thread may have ended, and a thread may have a descriptor table of its own. Before Linux 6.9, only
        // the first thread has a pidfd.
        FileDescriptor asked = thread.Pidfd ?? thread.Process.Pidfd;
        Errno errno = SysProcesses.GetFileOf(asked, descriptor, out fetched);
        if (errno is not (Errno.EPERM or Errno.ENOSYS)) return errno;
        if (CallerThread.TryStat(thread.Directory, descriptor, out _) != Errno.None) return Errno.EBADF;
        if (TryReopen(thread, descriptor, out fetched)) return Errno.None;
        ForeignAccess.SayFileRefusal(errno);
        return errno;
    }

    // A memfd can be opened anew where pidfd_getfd is forbidden, with the access that the program has.
    private static bool TryReopen(CallerThread thread, int descriptor, out FileDescriptor file)
    {
        file = new FileDescriptor(-1);
        Span<byte> name = stackalloc byte[12], text = stackalloc byte[256];
        if (!Utf8Formatter.TryFormat(descriptor, name, out int length)) return false;
        name[length] = 0;
        SysResult got = SysFiles.ReadLinkAt(thread.Directory, name[..(length + 1)], text);
        if (!got.IsOk || !text[..(int)got.Value].StartsWith("/memfd:"u8)) return false;
        if (SysFiles.OpenAt(thread.Directory, $"../fdinfo/{descriptor}", FcntlH.O_RDONLY, out FileDescriptor info)
            != Errno.None) return false;
        int flags;
        using (info)
            if (!DescriptorInfo.TryReadFlags(info, out flags) || (flags & FcntlH.O_PATH) != 0) return false;
        return SysFiles.OpenAt(thread.Directory, $"{descriptor}", flags & FcntlH.O_ACCMODE, out file) == Errno.None;
    }

    // A file opened with O_PATH is only a place, not an open file (Linux: fdget).
    private static bool IsPlace(FileDescriptor file)
    {
        SysResult flags = SysFiles.Fcntl(file, FcntlH.F_GETFL);
        return !flags.IsOk || (flags.Value & FcntlH.O_PATH) != 0;
    }

    private static bool IsEventFd(FileDescriptor file)
    {
        Span<byte> text = stackalloc byte[64];
        SysResult got = SysFiles.ReadLink($"/proc/self/fd/{file.Number}", text);
        return got.IsOk && text[..(int)got.Value].SequenceEqual("anon_inode:[eventfd]"u8);
    }
}
