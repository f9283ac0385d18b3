using System.Globalization;

namespace Ioasis.Diagnostics.Report;

/// <summary>
/// TAP 13 (Test Anything Protocol), which readers of TAP 14 take too: a test for the program and one for each kind of
/// finding. The reports follow as YAML blocks.
/// </summary>
internal static class TapReport
{
    internal static void Write(CheckReport report, TextWriter output)
    {
        ILookup<string, ReportedFinding> found = report.Findings.ToLookup(f => f.Kind.Name);
        output.WriteLine("TAP version 13");
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"1..{report.Kinds.Count + 1}"));
        int number = 1;
        Test(output, number++, "program", report.ProgramFailure is { } failure ? [failure] : []);
        foreach (string kind in report.Kinds.Select(k => k.Name))
            Test(output, number++, kind, found[kind].SelectMany(f => f.Lines));
    }

    private static void Test(TextWriter output, int number, string name, IEnumerable<string> lines)
    {
        string[] all = [.. lines];
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{(all.Length == 0 ? "ok" : "not ok")} {number} - {name}"));
        if (all.Length == 0) return;
        output.WriteLine("  ---");
        output.WriteLine("  message: |");
        foreach (string line in all) output.WriteLine($"    {line}");
        output.WriteLine("  ...");
    }
}
