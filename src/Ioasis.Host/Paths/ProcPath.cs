using System.Buffers.Text;
using Ioasis.Linux.Files;

namespace Ioasis.Host.Paths;

/// <summary>Paths below /proc that name a process or a thread.</summary>
internal static class ProcPath
{
    /// <summary>
    /// Skips <c>/proc/self/</c>, <c>/proc/thread-self/</c> or <c>/proc/PID/</c>, with an optional <c>task/TID/</c>
    /// after it.
    /// </summary>
    /// <param name="path">The path; on return, its rest.</param>
    /// <param name="caller">The thread that uses the path.</param>
    /// <param name="thread">The thread that the path names; for <c>self</c> the caller.</param>
    /// <param name="isProcess">Whether the path names the thread's process.</param>
    public static bool TrySkip(ref ReadOnlySpan<byte> path, int caller, out int thread, out bool isProcess)
    {
        thread = caller;
        isProcess = false;
        if (!TrySkip(ref path, "/proc/"u8)) return false;
        if (TrySkip(ref path, "self/"u8)) isProcess = true;
        else if (!TrySkip(ref path, "thread-self/"u8) && !TrySkipNumber(ref path, out thread)) return false;
        if (!TrySkip(ref path, "task/"u8)) return true;
        isProcess = false;
        return TrySkipNumber(ref path, out thread);
    }

    /// <summary>
    /// Skips a link to a directory of the caller's own: <c>/proc/self/root</c>, <c>/proc/self/cwd/</c> or
    /// <c>/proc/self/fd/N/</c>, with the caller's number or <c>thread-self</c> too.
    /// </summary>
    /// <param name="path">The path. On return, its rest: absolute after <c>root</c>, otherwise relative and not
    /// empty.</param>
    /// <param name="caller">The thread that uses the path.</param>
    /// <param name="directory">The descriptor that the rest starts from, or AT_FDCWD.</param>
    public static bool TrySkipDirectory(ref ReadOnlySpan<byte> path, int caller, out int directory)
    {
        directory = FcntlH.AT_FDCWD;
        ReadOnlySpan<byte> rest = path;
        if (!TrySkip(ref rest, caller, out int thread, out _) || thread != caller) return false;
        if (TrySkip(ref rest, "root"u8))
        {
            if (rest.IsEmpty || rest[0] != '/') return false;
            path = rest;
            return true;
        }

        if (!TrySkip(ref rest, "cwd/"u8) && !(TrySkip(ref rest, "fd/"u8) && TrySkipNumber(ref rest, out directory)))
            return false;
        rest = rest.TrimStart((byte)'/');
        if (rest.IsEmpty) return false;
        path = rest;
        return true;
    }

    /// <summary>Skips a prefix, if the path has it.</summary>
    public static bool TrySkip(ref ReadOnlySpan<byte> path, ReadOnlySpan<byte> prefix)
    {
        if (!path.StartsWith(prefix)) return false;
        path = path[prefix.Length..];
        return true;
    }

    /// <summary>Parses a number that is the whole text.</summary>
    public static bool TryNumber(ReadOnlySpan<byte> text, out int number) =>
        Utf8Parser.TryParse(text, out number, out int used) && used == text.Length && number >= 0;

    private static bool TrySkipNumber(ref ReadOnlySpan<byte> path, out int number)
    {
        int slash = path.IndexOf((byte)'/');
        number = 0;
        if (slash < 0 || !TryNumber(path[..slash], out number)) return false;
        path = path[(slash + 1)..];
        return true;
    }
}
