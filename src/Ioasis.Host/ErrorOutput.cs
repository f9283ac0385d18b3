using System.Text;
using Ioasis.Abi;
using Ioasis.Linux.Events;
using Ioasis.Linux.Files;

namespace Ioasis.Host;

/// <summary>
/// Lines of ours on standard error. Not through Console, which could touch the terminal that is the program's. It is
/// the program's, too, and may be a pipe that nobody reads from: a line that finds no room within a second is lost, and
/// so are further ones while there is none.
/// </summary>
internal static class ErrorOutput
{
    // As much as finds room in a pipe that says it has any.
    private const int Longest = 4096;
    private const int Patience = 1000; // ms

    private static readonly FileDescriptor s_standardError = new(2, owned: false);
    private static volatile bool s_isFull;

    /// <summary>Says, in one line, what of ours failed and how.</summary>
    public static void Say(string what, Exception e) => Say($"{what} failed: {e.ToString().ReplaceLineEndings(" ")}");

    /// <summary>Says one line.</summary>
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
