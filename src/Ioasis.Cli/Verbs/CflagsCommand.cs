using System.CommandLine;
using System.Diagnostics;
using System.Globalization;

namespace Ioasis.Cli.Verbs;

/// <summary>
/// The command <c>cflags</c>: the compiler's flags for programs that use the nodes, as pkg-config prints them. The
/// uAPI's headers are the distribution's where they are new enough. Otherwise they are fetched once, as a package of
/// Debian's.
/// </summary>
internal static class CflagsCommand
{
    /// <summary>The series of Linux whose uAPI is served.</summary>
    private static readonly Version s_series = Version.Parse(VersionView.LinuxRelease);

    private const string DistributionsVersion = "/usr/include/linux/version.h";

    internal static Command Of(TextWriter output, TextWriter error)
    {
        var cflags = new Command("cflags",
            "Prints the compiler's flags for programs that use the nodes, as in: gcc $(ioasis cflags) program.c");
        cflags.SetAction(_ =>
        {
            string cache = CacheDirectory;
            try
            {
                Directory.CreateDirectory(cache);
                Extract("ioasis.h", Path.Combine(cache, "include"));
                string? headers = HeadersIn(cache, error);
                if (headers is null) return 1;
                output.WriteLine($"-I {cache}/include {headers}".TrimEnd());
                return 0;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                error.WriteLine($"ioasis: cflags keeps headers in {cache}: {e.Message}");
                return 1;
            }
        });
        return cflags;
    }

    /// <summary>The series of Linux that headers are of; null if the text does not say.</summary>
    /// <param name="versionHeader">linux/version.h.</param>
    internal static Version? SeriesOf(string versionHeader)
    {
        int? Number(string name)
        {
            string? line = versionHeader.Split('\n').FirstOrDefault(l => l.Contains(name, StringComparison.Ordinal));
            return int.TryParse(line?.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^1], NumberStyles.None,
                CultureInfo.InvariantCulture, out int number) ? number : null;
        }

        return Number("LINUX_VERSION_MAJOR ") is { } major && Number("LINUX_VERSION_PATCHLEVEL ") is { } minor
            ? new Version(major, minor)
            : null;
    }

    // Of this user and this version.
    private static string CacheDirectory => Path.Combine(
        Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is ['/', ..] and var cache ? cache
            : Path.Combine(Environment.GetEnvironmentVariable("HOME") is ['/', ..] and var home ? home
                : Path.GetTempPath(), ".cache"),
        "ioasis", $"linux-{s_series}");

    private static string? HeadersIn(string cache, TextWriter error)
    {
        Version? found = File.Exists(DistributionsVersion) ? SeriesOf(File.ReadAllText(DistributionsVersion)) : null;
        if (found >= s_series) return "";
        string script = Path.Combine(cache, "eng", "uapi-headers.sh"), headers = Path.Combine(cache, "uapi");
        if (!File.Exists(Path.Combine(headers, $"complete-{s_series}")))
        {
            error.WriteLine($"ioasis: this host's headers are of Linux {found?.ToString() ?? "(none)"}; "
                + $"fetching Debian's linux-libc-dev {s_series} into {headers}");
        }

        Extract("uapi-headers.sh", Path.GetDirectoryName(script)!);
        Extract("debian-package.sh", Path.GetDirectoryName(script)!);
        var start = new ProcessStartInfo("bash", [script, headers]) { RedirectStandardOutput = true };
        try
        {
            using Process fetch = Process.Start(start) ?? throw new IOException("bash did not start");
            string flags = fetch.StandardOutput.ReadToEnd().Trim();
            fetch.WaitForExit();
            if (fetch.ExitCode == 0) return flags;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            error.WriteLine($"ioasis: {e.Message}");
        }

        error.WriteLine($"ioasis: no headers of Linux {s_series}: install your distribution's of that version or "
            + "later, or run this on Debian or Ubuntu, with apt, bash and gcc");
        return null;
    }

    private static void Extract(string name, string directory)
    {
        string path = Path.Combine(directory, name);
        Directory.CreateDirectory(directory);
        using Stream resource = typeof(CflagsCommand).Assembly.GetManifestResourceStream(name)!;
        using var bytes = new MemoryStream();
        resource.CopyTo(bytes);
        if (File.Exists(path) && File.ReadAllBytes(path).AsSpan().SequenceEqual(bytes.ToArray())) return;
        // By a rename: another job may read it at this moment.
        string unfinished = string.Create(CultureInfo.InvariantCulture, $"{path}.{Environment.ProcessId}");
        File.WriteAllBytes(unfinished, bytes.ToArray());
        File.Move(unfinished, path, overwrite: true);
    }
}
