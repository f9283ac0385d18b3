using System.Runtime.InteropServices;
using Ioasis.Abi;

namespace Ioasis.Host.Launch;

/// <summary>Where a program is looked for, and which errors end the search: as execvpe(3) of glibc does it.</summary>
internal static class ProgramSearch
{
    private const int NAME_MAX = 255, PATH_MAX = 4096, BINPRM_BUF_SIZE = 256;

    /// <summary>The files to try, in this order.</summary>
    /// <param name="program">A path, or a name that is looked up in PATH; without a NUL.</param>
    /// <param name="environment">NAME=value strings, each ending in a NUL.</param>
    public static byte[][] FilesOf(ReadOnlySpan<byte> program, ReadOnlySpan<byte> environment)
    {
        if (program.IsEmpty) return [];
        if (program.Contains((byte)'/') || program.Length > NAME_MAX) return [program.ToArray()];
        ReadOnlySpan<byte> path = PathOf(environment);
        var files = new byte[path.Count((byte)':') + 1][];
        int count = 0;
        for (bool isLast = false; !isLast;)
        {
            int end = path.IndexOf((byte)':');
            isLast = end < 0;
            ReadOnlySpan<byte> directory = isLast ? path : path[..end];
            if (!isLast) path = path[(end + 1)..];
            if (directory.Length >= PATH_MAX) continue;
            // An empty one is the current directory.
            files[count++] = directory.IsEmpty ? program.ToArray() : [.. directory, (byte)'/', .. program];
        }

        return files[..count];
    }

    /// <summary>Whether the next file is tried after an error.</summary>
    public static bool GoesOn(Errno errno) => errno is Errno.EACCES or Errno.ENOENT or Errno.ESTALE or Errno.ENOTDIR
        or Errno.ENODEV or Errno.ETIMEDOUT;

    /// <summary>What to tell the user, in a clause.</summary>
    /// <param name="program">The program.</param>
    /// <param name="errno">What execve(2) said.</param>
    public static string Reason(string program, Errno errno) =>
        errno == Errno.ENOENT && MissingInterpreter(program) is { } interpreter
            ? $"its interpreter '{interpreter}' does not exist"
            : Marshal.GetPInvokeErrorMessage((int)errno);

    private static ReadOnlySpan<byte> PathOf(ReadOnlySpan<byte> environment) =>
        OriginalProcess.TryFind(environment, "PATH="u8, out Range path)
            ? environment[path]["PATH=".Length..]
            : "/bin:/usr/bin"u8;

    // execve(2) says ENOENT for a script whose interpreter is missing, too.
    private static string? MissingInterpreter(string program)
    {
        try
        {
            if (!program.Contains('/', StringComparison.Ordinal)) return null;
            using StreamReader script = File.OpenText(program);
            char[] begin = new char[BINPRM_BUF_SIZE];
            string text = new(begin, 0, script.ReadBlock(begin));
            if (!text.StartsWith("#!", StringComparison.Ordinal)) return null;
            string[] words = text[2..].Split('\n')[0].Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
            return words is [string name, ..] && !File.Exists(name) ? name : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
