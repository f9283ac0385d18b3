using System.Buffers.Text;
using System.Globalization;

namespace Ioasis.Linux.Files;

/// <summary>Looks for an eventfd among the open files of all other processes.</summary>
internal static class EventFdHolders
{
    // Seven lines, each a name and a number (Linux: eventfd_show_fdinfo).
    private const int Enough = 512;

    /// <summary>
    /// Whether another process has the eventfd open. A process that we may not inspect counts as not having it. If the
    /// kernel gives eventfds no ID, the answer is true.
    /// </summary>
    /// <param name="eventFd">Our own descriptor of it.</param>
    public static bool Exist(FileDescriptor eventFd)
    {
        if (!TryReadId($"/proc/self/fdinfo/{eventFd.Number}", out int id)) return true;
        foreach (string path in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(path), NumberStyles.None, CultureInfo.InvariantCulture, out int process))
                continue;
            if (process != Environment.ProcessId && Has(path, id)) return true;
        }

        return false;
    }

    /// <summary>Parses the ID out of the text of /proc/PID/fdinfo/N; false if it is not an eventfd's.</summary>
    public static bool TryParseId(ReadOnlySpan<byte> text, out int id)
    {
        id = 0;
        ReadOnlySpan<byte> name = "\neventfd-id: "u8;
        int at = text.IndexOf(name);
        return at >= 0 && Utf8Parser.TryParse(text[(at + name.Length)..].TrimStart((byte)' '), out id, out _);
    }

    private static bool Has(string process, int id)
    {
        try
        {
            foreach (string path in Directory.EnumerateFileSystemEntries($"{process}/fdinfo"))
                if (TryReadId(path, out int other) && other == id) return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The process has ended, or we may not inspect it.
        }

        return false;
    }

    private static bool TryReadId(string path, out int id)
    {
        id = 0;
        if (SysFiles.Open(path, FcntlH.O_RDONLY, out FileDescriptor file) != Abi.Errno.None) return false;
        using (file)
        {
            Span<byte> text = stackalloc byte[Enough];
            int got = SysFiles.ReadAtOnce(file, text, 0);
            return TryParseId(text[..Math.Max(0, got)], out id);
        }
    }
}
