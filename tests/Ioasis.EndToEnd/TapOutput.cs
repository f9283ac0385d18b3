using System.Text.RegularExpressions;

namespace Ioasis.EndToEnd;

/// <summary>What came of a test of Linux's.</summary>
internal enum TapResult
{
    Passed,
    Skipped,
    Failed,
}

/// <summary>What a kselftest says of its tests.</summary>
internal static partial class TapOutput
{
    /// <summary>Each test that it told of: its name, what came of it, and why it was skipped.</summary>
    public static IEnumerable<(string Name, TapResult Result, string Why)> Parse(string output) =>
        TapLine().Matches(output).Select(line => (
        line.Groups["name"].Value,
        line.Groups["not"].Success
            ? TapResult.Failed
            : line.Groups["why"].Success ? TapResult.Skipped : TapResult.Passed,
        line.Groups["why"].Value));

    [GeneratedRegex(@"^(?<not>not )?ok \d+ (?<name>\S+)(?: # SKIP (?<why>.*))?$", RegexOptions.Multiline)]
    private static partial Regex TapLine();
}
