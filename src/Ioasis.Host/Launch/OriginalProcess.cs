using System.Globalization;
using System.Text;

namespace Ioasis.Host.Launch;

/// <summary>
/// How our process was when it was started, as far as that can still be found: the program is to be started the same.
/// </summary>
internal static class OriginalProcess
{
    /// <summary>
    /// Where the launching script says what the runtime hides from us: the soft limit of open files, and the mask of
    /// ignored signals in hexadecimal. It is ours alone: the program does not get it.
    /// </summary>
    private const string Started = "IOASIS_STARTED";

    private const int SIGPIPE = 13;

    /// <summary>
    /// The program and its arguments as bytes. They are the last of our own; the strings that .NET made of them have
    /// lost whatever was not UTF-8.
    /// </summary>
    public static byte[] ArgumentBytes(string program, IReadOnlyList<string> arguments)
    {
        var wanted = new List<string>(arguments.Count + 1) { program };
        wanted.AddRange(arguments);
        byte[] all = ReadProc("/proc/self/cmdline");
        int start = StartOfLast(all, wanted.Count);
        if (start >= 0 && IsSame(all.AsSpan(start), wanted)) return all[start..];
        return Encoding.UTF8.GetBytes(string.Concat(wanted.Select(text => text + '\0')));
    }

    /// <summary>The environment as bytes, each string ending in a NUL.</summary>
    public static byte[] EnvironmentBytes()
    {
        byte[] bytes = ReadProc("/proc/self/environ");
        if (bytes.Length != 0 && bytes[^1] != 0) bytes = [.. bytes, 0];
        ReadOnlySpan<byte> ours = "IOASIS_STARTED="u8;
        for (int at = 0; at < bytes.Length;)
        {
            int end = at + bytes.AsSpan(at).IndexOf((byte)0) + 1;
            if (bytes.AsSpan(at).StartsWith(ours)) return [.. bytes.AsSpan(0, at), .. bytes.AsSpan(end)];
            at = end;
        }

        return bytes;
    }

    /// <summary>
    /// The signals that are ignored. SIGPIPE, which the runtime ignores itself, counts only where the script says so.
    /// </summary>
    public static ulong IgnoredSignals()
    {
        // SIGTERM too is the runtime's own by now, whatever it was.
        if (ToldByScript() is { } told) return told.Ignored;
        foreach (string line in File.ReadLines("/proc/self/status"))
            if (line.StartsWith("SigIgn:", StringComparison.Ordinal)
                && ulong.TryParse(line.AsSpan(7).Trim(), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture,
                    out ulong mask))
                return mask & ~(1UL << (SIGPIPE - 1));
        return 0;
    }

    /// <summary>
    /// The soft limit of open files, 0 if unknown. The runtime has raised ours to the hard limit by now; our parent's,
    /// which is where ours came from, tells what it was.
    /// </summary>
    public static ulong DescriptorLimit(int parent)
    {
        if (ToldByScript() is { } told) return told.Descriptors;
        (ulong _, ulong ownHard) = OpenFileLimits("/proc/self/limits");
        (ulong soft, ulong hard) = OpenFileLimits($"/proc/{parent}/limits");
        return hard == ownHard ? soft : 0;
    }

    private static (ulong Descriptors, ulong Ignored)? ToldByScript()
    {
        string[] parts = (Environment.GetEnvironmentVariable(Started) ?? "").Split(' ');
        return parts.Length == 2 && ulong.TryParse(parts[0], CultureInfo.InvariantCulture, out ulong descriptors)
            && ulong.TryParse(parts[1], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong ignored)
            ? (descriptors, ignored)
            : null;
    }

    private static (ulong Soft, ulong Hard) OpenFileLimits(string path)
    {
        const string Name = "Max open files";
        try
        {
            foreach (string line in File.ReadLines(path))
            {
                if (!line.StartsWith(Name, StringComparison.Ordinal)) continue;
                string[] fields = line[Name.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
                if (fields.Length >= 2 && ulong.TryParse(fields[0], CultureInfo.InvariantCulture, out ulong soft)
                    && ulong.TryParse(fields[1], CultureInfo.InvariantCulture, out ulong hard))
                    return (soft, hard);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A parent that is gone, or another user's where /proc hides those.
        }

        return (0, 0);
    }

    private static byte[] ReadProc(string path)
    {
        try { return File.ReadAllBytes(path); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { return []; }
    }

    private static int StartOfLast(ReadOnlySpan<byte> strings, int count)
    {
        if (strings.IsEmpty || strings[^1] != 0) return -1;
        int start = strings.Length;
        for (int i = 0; i < count; i++)
        {
            if (start == 0) return -1;
            start = strings[..(start - 1)].LastIndexOf((byte)0) + 1;
        }

        return start;
    }

    private static bool IsSame(ReadOnlySpan<byte> strings, List<string> wanted)
    {
        foreach (string text in wanted)
        {
            int end = strings.IndexOf((byte)0);
            if (!text.Contains('\uFFFD', StringComparison.Ordinal) && Encoding.UTF8.GetString(strings[..end]) != text)
                return false;
            strings = strings[(end + 1)..];
        }

        return true;
    }
}
