using System.Globalization;

namespace Ioasis.Diagnostics.Report;

/// <summary>Commands of a GitHub workflow: an error at the line of source of each finding.</summary>
internal static class GitHubReport
{
    internal static void Write(CheckReport report, TextWriter output)
    {
        foreach (ReportedFinding finding in report.Findings)
        {
            string place = finding.File is { } file
                ? string.Create(CultureInfo.InvariantCulture,
                    $"file={Property(report.Shown(file))},line={finding.Line},")
                : "";
            output.WriteLine($"::error {place}title={Property($"Ioasis: {finding.Kind.Name}")}::"
                + Data(string.Join('\n', finding.Lines)));
        }

        if (report.ProgramFailure is { } failure)
            output.WriteLine($"::error title={Property($"Ioasis: {report.Program}")}::{Data(failure)}");
    }

    private static string Data(string text) => text.Replace("%", "%25", StringComparison.Ordinal)
        .Replace("\r", "%0D", StringComparison.Ordinal).Replace("\n", "%0A", StringComparison.Ordinal);

    private static string Property(string text) => Data(text).Replace(":", "%3A", StringComparison.Ordinal)
        .Replace(",", "%2C", StringComparison.Ordinal);
}
