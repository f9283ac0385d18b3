using System.CommandLine;
using System.CommandLine.Invocation;
using Ioasis.Diagnostics;

namespace Ioasis.Cli.Verbs;

/// <summary>What <c>ioasis --version</c> prints: our version, and Linux's whose uAPI we serve.</summary>
internal sealed class VersionView(TextWriter output) : SynchronousCommandLineAction
{
    /// <summary>The release of Linux whose headers describe the ioctls that we serve.</summary>
    internal const string LinuxRelease = "7.2";

    /// <summary>Enough digits of a commit to find it.</summary>
    private const int CommitDigits = 12;

    /// <summary>Makes it the answer to the command's <c>--version</c>.</summary>
    internal static void AddTo(RootCommand root, TextWriter output) =>
        root.Options.OfType<VersionOption>().Single().Action = new VersionView(output);

    public override int Invoke(ParseResult parseResult)
    {
        output.WriteLine($"ioasis {Shorten(OwnVersion.Full)}");
        output.WriteLine($"uAPI of Linux {LinuxRelease}");
        return 0;
    }

    /// <summary>Cuts the commit after the plus sign.</summary>
    internal static string Shorten(string version)
    {
        int commit = version.IndexOf('+', StringComparison.Ordinal) + 1;
        return commit > 0 && version.Length > commit + CommitDigits ? version[..(commit + CommitDigits)] : version;
    }
}
