using System.Globalization;

namespace Ioasis.Host.Paths;

/// <summary>
/// Paths that name an open file by its descriptor, <c>/proc/PID/fd/N</c> and its like, or the working directory.
/// </summary>
internal static class DescriptorPath
{
    /// <summary>
    /// The path as seen from our own process, if it is one of <c>/proc/self/fd/N</c>, <c>/proc/thread-self/fd/N</c>,
    /// <c>/proc/PID/fd/N</c>, <c>/proc/PID/task/TID/fd/N</c> and <c>/dev/fd/N</c>, or has <c>cwd</c> in place of
    /// <c>fd/N</c>; otherwise null.
    /// </summary>
    /// <param name="path">The path.</param>
    /// <param name="thread">The caller.</param>
    /// <param name="byNumber">Whether it names a process by number, which may be another process than the
    /// caller.</param>
    public static string? TryParse(ReadOnlySpan<byte> path, int thread, out bool byNumber)
    {
        byNumber = false;
        if (ProcPath.TrySkip(ref path, "/dev/fd/"u8))
            return ProcPath.TryNumber(path, out int own)
                ? string.Create(CultureInfo.InvariantCulture, $"/proc/{thread}/fd/{own}")
                : null;
        if (!ProcPath.TrySkip(ref path, thread, out int named, out _)) return null;
        byNumber = named != thread;
        if (path.SequenceEqual("cwd"u8)) return string.Create(CultureInfo.InvariantCulture, $"/proc/{named}/cwd");
        return ProcPath.TrySkip(ref path, "fd/"u8) && ProcPath.TryNumber(path, out int number)
            ? string.Create(CultureInfo.InvariantCulture, $"/proc/{named}/fd/{number}")
            : null;
    }
}
