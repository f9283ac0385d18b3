using System.Globalization;
using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Linux.Processes;

namespace Ioasis.Host.Launch;

/// <summary>
/// The page's program, ioasis-web: where it lies beside us, and the form of its command line. It is a program of its
/// own, so that we start without a web server.
/// </summary>
internal static class PageProgram
{
    /// <summary>The last word of its command line if it ends with its standard input.</summary>
    public const string EndsWithInput = "ends-with-input";

    private const string Name = "ioasis-web", Assembly = Name + ".dll";

    // Where `dotnet build` of the source tree puts it: artifacts/bin/ROOM/CONFIGURATION.
    private const string Room = "Ioasis.Web";

    /// <summary>A running program's page.</summary>
    /// <param name="program">The program's process ID.</param>
    /// <param name="port">The port; 0 for a free one.</param>
    public static string[] OfProgram(int program, int port) => ["program", Text(program), Text(port)];

    /// <summary>A recording's page.</summary>
    /// <param name="file">The recording.</param>
    /// <param name="port">The port; 0 for a free one.</param>
    public static string[] OfRecording(string file, int port) => ["recording", file, Text(port)];

    /// <summary>The page of lessons.</summary>
    /// <param name="port">The port; 0 for a free one.</param>
    public static string[] OfLessons(int port) => ["lessons", Text(port)];

    /// <summary>Becomes the page's program. Returns only on failure.</summary>
    /// <param name="words">Its command line.</param>
    /// <exception cref="IOException">It is not installed, or cannot be run.</exception>
    public static void Become(string[] words)
    {
        (string path, string[] arguments) = Command(words);
        Errno errno = SysProcesses.Execute(OriginalProcess.Terminated(arguments), OriginalProcess.EnvironmentBytes());
        throw new IOException($"cannot run '{path}' ({errno})");
    }

    /// <summary>The executable, and its arguments with its own name.</summary>
    /// <exception cref="IOException">It is not installed.</exception>
    internal static (string Path, string[] Arguments) Command(string[] words)
    {
        string own = Path.GetDirectoryName(Environment.ProcessPath) ?? "/";
        // One file, beside our one file. A link in /usr/bin is not beside it; ProcessPath is the file itself.
        if (Find(own, Name) is { } file) return (file, [file, .. words]);
        string folder = AppContext.BaseDirectory.TrimEnd('/');
        string? assembly = Find(folder, Assembly)
            ?? Find(Path.Combine(folder, "../..", Room, Path.GetFileName(folder)), Assembly);
        if (assembly is null) throw new IOException($"{Name} is not installed beside {folder}/ioasis");
        string runtime = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "../../../dotnet"));
        return (runtime, [runtime, assembly, .. words]);
    }

    private static string? Find(string folder, string name) =>
        Path.Combine(folder, name) is var path && File.Exists(path) ? Path.GetFullPath(path) : null;

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
