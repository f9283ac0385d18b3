using System.Text;
using Ioasis.Abi;
using Ioasis.Linux.Events;
using Ioasis.Linux.Files;

namespace Ioasis.Host;

/// <summary>
/// Our lines on standard error. They bypass Console, which could change the terminal's settings, and the terminal
/// belongs to the program. Standard error belongs to the program too, and may be a pipe without a reader. If there is
/// no room within a second, the line is lost; further ones are lost at once until there is room.
/// </summary>
internal static class ErrorOutput
{
    // A pipe that reports room has at least this much.
    private const int Longest = 4096;
    private const int Patience = 1000; // ms

    private static readonly FileDescriptor s_standardError = new(2, owned: false);
    private static volatile bool s_isFull;

    /// <summary>
    /// Loads what <see cref="Say(string)"/> takes: when the host has no descriptor left, that is too late.
    /// </summary>
    public static void Prepare()
    {
        _ = SysEvents.Poll(s_standardError, SysEvents.POLLOUT, 0, out _);
        _ = SysFiles.Write(s_standardError, []);
    }

    /// <summary>Reports in one line what failed and how.</summary>
    public static void Say(string what, Exception e) => Say($"{what} failed: {e.ToString().ReplaceLineEndings(" ")}");

    /// <summary>Writes one line.</summary>
    public static void Say(string line)
    {
        byte[] bytes = Encoding.UTF8.GetBytes($"ioasis: {line}\n");
        if (bytes.Length > Longest)
        {
            bytes = bytes[..Longest];
            bytes[^1] = (byte)'\n';
        }

        Errno errno = SysEvents.Poll(s_standardError, SysEvents.POLLOUT, s_isFull ? 0 : Patience, out short ready);
        s_isFull = errno == Errno.None && ready == 0;
        if (!s_isFull) _ = SysFiles.Write(s_standardError, bytes);
    }
}
