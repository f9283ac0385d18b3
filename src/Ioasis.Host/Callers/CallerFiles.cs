using System.Diagnostics.CodeAnalysis;
using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Linux.Files;
using Ioasis.Linux.Processes;

namespace Ioasis.Host.Callers;

/// <summary>Fetches open files of callers that are none of our nodes.</summary>
internal static class CallerFiles
{
    /// <summary>What a file descriptor of a thread stands for; false when it is not open.</summary>
    public static bool TryGet(CallerThread thread, int descriptor, [NotNullWhen(true)] out IOpenFile? file)
    {
        file = null;
        if (!TryFetch(thread, descriptor, out FileDescriptor fetched)) return false;
        if (IsEventFd(fetched)) file = new EventFile(fetched);
        else if (SysFiles.Fcntl(fetched, FcntlH.F_GET_SEALS).IsOk) file = new MemoryFile(fetched);
        else file = OtherFile.Instance;
        if (file is OtherFile) fetched.Dispose();
        return true;
    }

    /// <summary>A file descriptor of ours for the same open file; false when it is not open.</summary>
    public static bool TryFetch(CallerThread thread, int descriptor, out FileDescriptor fetched)
    {
        // The first thread may have ended, and a thread may have files of its own; before Linux 6.9 only the first can be asked.
        FileDescriptor asked = thread.Pidfd ?? thread.Process.Pidfd;
        return SysProcesses.GetFileOf(asked, descriptor, out fetched) == Errno.None;
    }

    private static bool IsEventFd(FileDescriptor file)
    {
        Span<byte> text = stackalloc byte[64];
        SysResult got = SysFiles.ReadLink($"/proc/self/fd/{file.Number}", text);
        return got.IsOk && text[..(int)got.Value].SequenceEqual("anon_inode:[eventfd]"u8);
    }
}
