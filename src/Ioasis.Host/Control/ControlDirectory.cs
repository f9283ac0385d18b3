using System.Globalization;

namespace Ioasis.Host.Control;

/// <summary>Where running programs can be asked about: a socket for each, in a directory of the user's own.</summary>
internal static class ControlDirectory
{
    private const UnixFileMode OwnersOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>The directory; made if it is not there.</summary>
    /// <exception cref="IOException">It is another user's, or others can enter it.</exception>
    public static string Path
    {
        get
        {
            if (OperatingSystem.IsWindows()) throw new PlatformNotSupportedException();
            string path = Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR") is { Length: > 0 } runtime && Directory.Exists(runtime)
                ? System.IO.Path.Combine(runtime, "ioasis")
                : System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"ioasis-{Environment.UserName}");
            Directory.CreateDirectory(path, OwnersOnly);
            if (File.GetUnixFileMode(path) != OwnersOnly) throw new IOException($"{path} can be entered by others than its owner; remove it.");
            return path;
        }
    }

    /// <summary>The socket of a program.</summary>
    public static string SocketOf(int program) => System.IO.Path.Combine(Path, string.Create(CultureInfo.InvariantCulture, $"{program}.sock"));

    /// <summary>The programs that have one.</summary>
    public static IReadOnlyList<int> Programs =>
    [
        .. Directory.GetFiles(Path, "*.sock").Select(f => int.TryParse(System.IO.Path.GetFileNameWithoutExtension(f), CultureInfo.InvariantCulture, out int pid) ? pid : 0)
            .Where(pid => pid != 0).Order(),
    ];
}
