using System.Buffers.Text;

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
