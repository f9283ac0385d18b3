using System.Buffers.Text;
using System.Globalization;

namespace Ioasis.Host.Paths;

/// <summary>Paths that name an open file by its descriptor: <c>/proc/PID/fd/N</c> and its like.</summary>
internal static class DescriptorPath
{
    /// <summary>
    /// The path as seen from our own process, if it is one of <c>/proc/self/fd/N</c>, <c>/proc/thread-self/fd/N</c>,
    /// <c>/proc/PID/fd/N</c>, <c>/proc/PID/task/TID/fd/N</c> and <c>/dev/fd/N</c>; otherwise null.
    /// </summary>
    public static string? TryParse(ReadOnlySpan<byte> path, int thread)
    {
        if (TrySkip(ref path, "/dev/fd/"u8))
            return TryNumber(path, out int own) ? string.Create(CultureInfo.InvariantCulture, $"/proc/{thread}/fd/{own}") : null;
        if (!TrySkip(ref path, "/proc/"u8)) return null;
        int process = thread;
        if (!TrySkip(ref path, "self/"u8) && !TrySkip(ref path, "thread-self/"u8) && !TrySkipNumber(ref path, out process)) return null;
        if (TrySkip(ref path, "task/"u8) && !TrySkipNumber(ref path, out process)) return null;
        return TrySkip(ref path, "fd/"u8) && TryNumber(path, out int number)
            ? string.Create(CultureInfo.InvariantCulture, $"/proc/{process}/fd/{number}")
            : null;
    }

    private static bool TrySkip(ref ReadOnlySpan<byte> path, ReadOnlySpan<byte> prefix)
    {
        if (!path.StartsWith(prefix)) return false;
        path = path[prefix.Length..];
        return true;
    }

    private static bool TrySkipNumber(ref ReadOnlySpan<byte> path, out int number)
    {
        int slash = path.IndexOf((byte)'/');
        number = 0;
        if (slash < 0 || !TryNumber(path[..slash], out number)) return false;
        path = path[(slash + 1)..];
        return true;
    }

    private static bool TryNumber(ReadOnlySpan<byte> text, out int number) =>
        Utf8Parser.TryParse(text, out number, out int used) && used == text.Length && number >= 0;
}
