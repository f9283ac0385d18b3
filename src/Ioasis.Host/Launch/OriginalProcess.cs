using System.Globalization;
using System.Text;

namespace Ioasis.Host.Launch;

/// <summary>
/// The state of our process at its start, as far as it can still be found. The program must start with the same.
/// </summary>
internal static class OriginalProcess
{
    /// <summary>
    /// Environment variable in which the launching script passes what it or the runtime changed: the soft limit of open
    /// files, the mask of ignored signals in hexadecimal, and the soft limit of file sizes in bytes. The program does
    /// not get it.
    /// </summary>
    private const string Started = "IOASIS_STARTED";

    private const int SIGPIPE = 13;

    /// <summary>
    /// The program and its arguments as bytes: the last part of our own command line. .NET's strings have lost bytes
    /// that are not UTF-8.
    /// </summary>
    public static byte[] ArgumentBytes(string program, IReadOnlyList<string> arguments)
    {
        var wanted = new List<string>(arguments.Count + 1) { program };
        wanted.AddRange(arguments);
        byte[] all = ReadProc("/proc/self/cmdline");
        int start = StartOfLast(all, wanted.Count);
        if (start >= 0 && IsSame(all.AsSpan(start), wanted)) return all[start..];
        return Terminated(wanted);
    }

    /// <summary>Words as execve(2) takes them, each ending in a NUL.</summary>
    public static byte[] Terminated(IEnumerable<string> words) =>
        Encoding.UTF8.GetBytes(string.Concat(words.Select(word => word + '\0')));

    /// <summary>The environment as bytes, each string ending in a NUL.</summary>
    public static byte[] EnvironmentBytes()
    {
        byte[] bytes = ReadProc("/proc/self/environ");
        if (bytes.Length != 0 && bytes[^1] != 0) bytes = [.. bytes, 0];
        if (!TryFind(bytes, "IOASIS_STARTED="u8, out Range ours)) return bytes;
        return [.. bytes.AsSpan(..ours.Start), .. bytes.AsSpan((ours.End.Value + 1)..)];
    }

    /// <summary>The first string that begins so, without its NUL.</summary>
    /// <param name="strings">Strings that each end in a NUL.</param>
    /// <param name="begin">How it begins.</param>
    /// <param name="found">Where it is.</param>
    internal static bool TryFind(ReadOnlySpan<byte> strings, ReadOnlySpan<byte> begin, out Range found)
    {
        for (int at = 0; at < strings.Length; at = found.End.Value + 1)
        {
            found = at..(at + strings[at..].IndexOf((byte)0));
            if (strings[found].StartsWith(begin)) return true;
        }

        found = default;
        return false;
    }

    /// <summary>
    /// The ignored signals. The runtime ignores SIGPIPE itself, so it counts only if the script reports it.
    /// </summary>
    public static ulong IgnoredSignals()
    {
        // By now the runtime has changed SIGTERM too, whatever it was.
        if (ToldByScript() is { } told) return told.Ignored;
        foreach (string line in File.ReadLines("/proc/self/status"))
            if (line.StartsWith("SigIgn:", StringComparison.Ordinal)
                && ulong.TryParse(line.AsSpan(7).Trim(), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture,
                    out ulong mask))
                return mask & ~(1UL << (SIGPIPE - 1));
        return 0;
    }

    /// <summary>
    /// The soft limit of open files; 0 if unknown. The runtime has raised ours to the hard limit by now. We inherited
    /// ours from our parent, so its limit tells the old one.
    /// </summary>
    public static ulong DescriptorLimit(int parent)
    {
        if (ToldByScript() is { } told) return told.Descriptors;
        (ulong _, ulong ownHard) = OpenFileLimits("/proc/self/limits");
        (ulong soft, ulong hard) = OpenFileLimits($"/proc/{parent}/limits");
        return hard == ownHard ? soft : 0;
    }

    /// <summary>
    /// The soft limit of file sizes in bytes; null if only our own limit tells it, which the runtime leaves alone.
    /// </summary>
    public static ulong? FileSizeLimit => ToldByScript()?.FileSize;

    private static (ulong Descriptors, ulong Ignored, ulong FileSize)? ToldByScript()
    {
        string[] parts = (Environment.GetEnvironmentVariable(Started) ?? "").Split(' ');
        return parts.Length == 3 && ulong.TryParse(parts[0], CultureInfo.InvariantCulture, out ulong descriptors)
            && ulong.TryParse(parts[1], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong ignored)
            && TryParseSize(parts[2], out ulong fileSize)
            ? (descriptors, ignored, fileSize)
            : null;
    }

    private static bool TryParseSize(string text, out ulong bytes)
    {
        bytes = ulong.MaxValue; // RLIM_INFINITY
        return text == "unlimited" || ulong.TryParse(text, CultureInfo.InvariantCulture, out bytes);
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
            // The parent is gone, or /proc hides it because it is another user's.
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
