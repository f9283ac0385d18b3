using System.Text;
using Ioasis.Linux.Files;

namespace Ioasis.Host;

/// <summary>Lines of ours on standard error. Not through Console, which could touch the terminal that is the program's.</summary>
internal static class ErrorOutput
{
    private static readonly FileDescriptor s_standardError = new(2, owned: false);

    /// <summary>Says, in one line, what of ours failed and how.</summary>
    public static void Say(string what, Exception e) => Say($"{what} failed: {e.ToString().ReplaceLineEndings(" ")}");

    /// <summary>Says one line.</summary>
    public static void Say(string line) => _ = SysFiles.Write(s_standardError, Encoding.UTF8.GetBytes($"ioasis: {line}\n"));
}
