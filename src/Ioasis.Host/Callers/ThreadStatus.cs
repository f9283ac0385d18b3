using System.Globalization;
using Ioasis.Abi;
using Ioasis.Linux.Files;

namespace Ioasis.Host.Callers;

/// <summary>The part of /proc/TID/status that tells threads apart.</summary>
/// <param name="Process">The process that the thread belongs to.</param>
/// <param name="RealUser">The thread's real user.</param>
/// <param name="Tracer">The process that traces the thread; 0 if none does.</param>
internal readonly record struct ThreadStatus(int Process, uint RealUser, int Tracer)
{
    /// <summary>Reads the status of a thread by its /proc/TID/fd; false when the thread is gone.</summary>
    public static bool TryRead(FileDescriptor directory, out ThreadStatus status)
    {
        Span<byte> room = stackalloc byte[StatusText.HeadLength];
        return TryParse(room[..StatusText.ReadHead(directory, room)], out status);
    }

    /// <summary>Finds the process of a thread by the thread's ID alone; false when there is no such thread.</summary>
    public static bool TryReadProcess(int thread, out int process)
    {
        Span<byte> room = stackalloc byte[StatusText.HeadLength];
        bool found = TryParse(room[..StatusText.ReadHead(thread, room)], out ThreadStatus status);
        process = status.Process;
        return found;
    }

    /// <summary>Whether a thread is traced, by its ID alone.</summary>
    public static bool IsTraced(int thread)
    {
        string path = string.Create(CultureInfo.InvariantCulture, $"/proc/{thread}/fd");
        Errno errno = SysFiles.Open(path, FcntlH.O_RDONLY | FcntlH.O_DIRECTORY, out FileDescriptor directory);
        // Other errors, such as EMFILE, say nothing about the thread. It counts as traced, or it would stay stopped.
        if (errno != Errno.None) return errno is not (Errno.ENOENT or Errno.ESRCH);
        using (directory) return TryRead(directory, out ThreadStatus status) && status.Tracer != 0;
    }

    private static bool TryParse(ReadOnlySpan<byte> text, out ThreadStatus status)
    {
        status = default;
        if (!StatusText.TryFindNumber(text, "Tgid:"u8, out ulong process) || process == 0
            || !StatusText.TryFindNumber(text, "Uid:"u8, out ulong realUser)) // then effective, saved, file system
            return false;
        _ = StatusText.TryFindNumber(text, "TracerPid:"u8, out ulong tracer);
        status = new ThreadStatus((int)process, (uint)realUser, (int)tracer);
        return true;
    }
}
