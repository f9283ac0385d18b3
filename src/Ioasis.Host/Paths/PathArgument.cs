using System.Globalization;
using System.Text;
using Ioasis.Abi;
using Ioasis.Linux.Files;
using Ioasis.Linux.Memory;

namespace Ioasis.Host.Paths;

/// <summary>Reads the path argument of a call, and the paths of a caller's descriptors and working directory.</summary>
internal static class PathArgument
{
    private const int PageSize = 4096;

    // Longer than most paths.
    private const int FirstRead = 128;

    /// <summary>
    /// Reads a path by a thread's ID. The caller checks afterwards that the ID meant the caller. False if the path is
    /// unreadable or too long; the kernel then finds that out itself.
    /// </summary>
    public static bool TryRead(int thread, ulong address, byte[] buffer, out ReadOnlySpan<byte> path)
    {
        path = default;
        int length = 0, wanted = FirstRead;
        while (length < buffer.Length)
        {
            // Never crosses the page, because the next one may be missing.
            ulong at = address + (ulong)length;
            int step = Math.Min(Math.Min(wanted, buffer.Length - length), PageSize - (int)(at % PageSize));
            int got = (int)SysMemory.ReadProcess(thread, at, buffer.AsSpan(length, step));
            if (got <= 0) return false;
            int end = buffer.AsSpan(length, got).IndexOf((byte)0);
            if (end >= 0)
            {
                path = buffer.AsSpan(0, length + end);
                return true;
            }

            length += got;
            wanted = PageSize;
        }

        return false;
    }

    /// <summary>The path of a caller's descriptor or working directory; null if it has none.</summary>
    public static string? DirectoryOf(int thread, int descriptor)
    {
        string link = descriptor == FcntlH.AT_FDCWD
            ? string.Create(CultureInfo.InvariantCulture, $"/proc/{thread}/cwd")
            : string.Create(CultureInfo.InvariantCulture, $"/proc/{thread}/fd/{descriptor}");
        return ReadLink(link) is ['/', ..] path ? path : null;
    }

    /// <summary>The text of a link, each character a byte; null if there is no such link.</summary>
    public static string? ReadLink(string link)
    {
        Span<byte> text = stackalloc byte[4096];
        SysResult got = SysFiles.ReadLink(link, text);
        return got.IsOk ? Encoding.Latin1.GetString(text[..(int)got.Value]) : null;
    }

    /// <summary>
    /// The canonical form of a path of ours, without links, <c>.</c> and <c>..</c>, each character a byte; null if
    /// nothing is there.
    /// </summary>
    public static string? Canonical(string path)
    {
        if (SysFiles.Open(path, FcntlH.O_PATH, out FileDescriptor file) != Errno.None) return null;
        using (file) return ReadLink(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{file.Number}"));
    }
}
