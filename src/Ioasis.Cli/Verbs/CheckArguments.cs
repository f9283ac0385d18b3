using System.CommandLine;
using System.Globalization;
using Ioasis.Diagnostics.Check;
using Ioasis.Diagnostics.Injection;
using Ioasis.Diagnostics.Report;
using Ioasis.Host;
using Ioasis.Host.Control;
using Ioasis.Host.Stacks;
using Ioasis.Machine;
using Ioasis.Machine.Description;

namespace Ioasis.Cli.Verbs;

/// <summary>The options of <c>run</c> for checks, and a run that is checked.</summary>
internal sealed class CheckArguments
{
    private const string Variable = "IOASIS_CHECK";

    private readonly Option<bool> _check = new("--check")
    {
        Description = "Looks for the program's mistakes with DMA, and reports them (docs/check.md; "
            + $"{Variable}=help=1 lists the options).",
    };

    private readonly Option<int?> _exitCode = new("--check-exit-code")
    {
        HelpName = "N",
        Description = "The exit code if --check found something and the program's own was 0. Default: 99.",
    };

    private readonly Option<bool> _quiet = new("--quiet")
    {
        Description = "Nothing of ours on standard error but why run fails, and reports that go there.",
    };

    private readonly ReportArguments _reports;

    internal CheckArguments(Command run)
    {
        run.Add(_check);
        run.Add(_exitCode);
        _reports = new ReportArguments(run);
        run.Add(_quiet);
    }

    /// <summary>Whether checks are asked for.</summary>
    internal bool IsGiven(ParseResult parsed) => parsed.GetValue(_check);

    /// <summary>Runs a program, with checks if they are asked for.</summary>
    internal int Run(
        ParseResult parsed, TextWriter error, MachineDescription description, RunOptions run,
        InjectionRules? injection = null, Func<SoftwareMachine, IDisposable>? measure = null)
    {
        int? exitCode = parsed.GetValue(_exitCode);
        bool isQuiet = parsed.GetValue(_quiet);
        if (isQuiet) Supervisor.BeQuiet();
        if (_reports.TryRead(parsed, out IReadOnlyList<(ReportFormat Format, string? File)> reports) is { } mistake)
            return CommandLine.Refuse(error, mistake);
        if (reports.Count > 0 && !parsed.GetValue(_check)) return CommandLine.Refuse(error, "--report needs --check");
        if (!parsed.GetValue(_check))
        {
            return exitCode is null
                ? CommandLine.Run(description, run, injector: injection, measure: measure)
                : CommandLine.Refuse(error, "--check-exit-code needs --check");
        }

        if (CheckOptions.TryRead(Environment.GetEnvironmentVariable(Variable), out CheckOptions options) is { } wrong)
            return CommandLine.Refuse(error, $"{Variable}: {wrong}");
        if (exitCode is < 0 or > 255)
            return CommandLine.Refuse(error, $"--check-exit-code is at most 255, not {exitCode}");
        if (exitCode is { } given) options = options with { ExitCode = given };
        if (options.Help)
        {
            error.WriteLine($"{Variable}=OPTION=VALUE:OPTION=VALUE...");
            foreach (string line in CheckOptions.HelpLines) error.WriteLine(line);
        }

        Suppressions suppressions = Suppressions.None;
        try
        {
            if (options.SuppressionFile is { } file) suppressions = Suppressions.Read(File.ReadLines(file));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            return CommandLine.Refuse(error, $"{Variable}: {options.SuppressionFile}: {e.Message}");
        }

        using var stop = new CancellationTokenSource();
        using CallStacks? stacks = options.Stacks ? new CallStacks(CallStacks.MatterToChecks) : null;
        Checker? checker = null;
        List<ReportedFinding> found = [];
        var findings = new FindingList();
        DateTimeOffset began = DateTimeOffset.UtcNow;
        RunOptions checkedRun = run with { Stop = stop.Token, Stacks = stacks, Findings = findings };
        int code = CommandLine.Run(description, checkedRun, machine =>
        {
            if (stacks is not null) machine.Observers.Add(stacks); // first: the checks ask for stacks of calls
            return checker = new Checker(machine.Observers, machine.NameOf, options, suppressions,
                () => isQuiet && options.LogPath is null ? TextWriter.Null : Open(options), stop.Cancel)
            {
                Stacks = stacks,
                Told = finding =>
                {
                    findings.Add(finding);
                    if (reports.Count != 0) found.Add(finding);
                },
            };
        }, injection, measure);
        if (reports.Count != 0 && ReportArguments.Write(
            reports, ReportArguments.Of(run, options, found, code, began), error) is { } failure)
        {
            ErrorOutput.Say(failure);
            return ExitCodes.Failed;
        }

        return checker is { Found: > 0 } && (code == 0 || stop.IsCancellationRequested) ? options.ExitCode : code;
    }

    private static StreamWriter Open(CheckOptions options) => options.LogPath is { } path
        ? new StreamWriter(string.Create(CultureInfo.InvariantCulture, $"{path}.{Environment.ProcessId}"))
        : new StreamWriter(Console.OpenStandardError());
}
