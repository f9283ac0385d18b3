using System.Globalization;
using System.Text.Json;
using Ioasis.Diagnostics.FailNth;
using Ioasis.Host;

namespace Ioasis.Cli.FailNth;

/// <summary>
/// Runs a program again and again, each time with the next of its calls failing (Linux: /proc/self/fail-nth), and
/// judges how it took that. Each run is a process of its own, so that one that hangs can be ended.
/// </summary>
/// <param name="options">The words of the command line before the program's, for each run.</param>
/// <param name="run">The program.</param>
/// <param name="limit">How long a run may take.</param>
/// <param name="output">Where the runs are listed.</param>
/// <param name="error">Where it is said that there is nothing to run.</param>
internal sealed class FailNthRuns(
    IReadOnlyList<string> options, RunOptions run, TimeSpan limit, TextWriter output, TextWriter error)
{
    private const int SomeBad = 1;
    private readonly Dictionary<string, int> _counts = [];

    /// <summary>Runs it until a run comes in which no call is left to fail.</summary>
    /// <returns>0 if all runs were right, 1 if not, 125 if the program does not succeed by itself.</returns>
    internal int Run()
    {
        FailNthProcess first = Start(0);
        if (first.Report is not { } usual || first.ExitCode != 0)
        {
            error.WriteLine($"ioasis: the program {first.Ending} where no call fails, so there is nothing to compare "
                + "with.");
            first.WriteErrors(error);
            return ExitCodes.Failed;
        }

        int runs = 0;
        for (long number = 1; ; number++)
        {
            FailNthProcess one = Start(number);
            if (one.Report is { Failed: null } && one.ExitCode == 0) break;
            runs++;
            Judge(number, one, usual);
        }

        if (runs == 0)
        {
            error.WriteLine("ioasis: the program makes no call that can fail (see --fail-calls).");
            return ExitCodes.Failed;
        }

        output.WriteLine($"{runs} runs: "
            + string.Join(", ", _counts.OrderBy(c => c.Key != "right").Select(c => $"{c.Value} {c.Key}")));
        return _counts.Keys.Any(k => k != "right") ? SomeBad : 0;
    }

    private void Judge(long number, FailNthProcess one, FailNthReport usual)
    {
        string verdict = VerdictOf(one, usual);
        _counts[verdict] = _counts.GetValueOrDefault(verdict) + 1;
        string more = verdict == "leaked"
            ? $", left {string.Join(", ", Leaks(one.Report!, usual).Select(l => $"{l.Count} {l.Kind}"))}"
            : one.Report is { Repeated: true } ? ", made the call again" : "";
        // One that hangs cannot say which call it was.
        string failed = one.Report?.Failed ?? usual.Names.ElementAtOrDefault((int)number - 1) ?? "a call";
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{number,4} {verdict,-8} {failed} fails: the program {one.Ending}{more}"));
        if (verdict != "right") one.WriteErrors(output);
    }

    private static string VerdictOf(FailNthProcess one, FailNthReport usual) =>
        one.IsHung ? "hung"
        : one.Report is null || one.Signal is not null ? "crashed"
        : Leaks(one.Report, usual).Any() ? "leaked"
        : one is { ExitCode: 0, Report.Repeated: false } ? "ignored"
        : "right";

    /// <summary>What a run left that the program gives back where no call fails.</summary>
    private static IEnumerable<(string Kind, int Count)> Leaks(FailNthReport one, FailNthReport usual) =>
        one.Left.Select(l => (l.Key, l.Value - usual.Left.GetValueOrDefault(l.Key))).Where(l => l.Item2 > 0);

    private FailNthProcess Start(long number)
    {
        string report = Path.GetTempFileName();
        try
        {
            string[] words =
            [
                .. options, "--fail-call", number.ToString(CultureInfo.InvariantCulture), "--fail-report", report, "--",
                run.Program, .. run.Arguments,
            ];
            FailNthProcess process = FailNthProcess.Run(words, limit);
            string text = File.ReadAllText(report);
            return text.Length == 0
                ? process
                : process with { Report = JsonSerializer.Deserialize<FailNthReport>(text) };
        }
        finally
        {
            File.Delete(report);
        }
    }
}
