using System.CommandLine;
using Ioasis.Diagnostics;
using Ioasis.Diagnostics.Check;
using Ioasis.Diagnostics.Report;
using Ioasis.Host;

namespace Ioasis.Cli.Verbs;

/// <summary>The options of <c>run</c> for reports of checks in the forms that a CI reads.</summary>
internal sealed class ReportArguments
{
    private readonly Option<string[]> _report = new("--report")
    {
        HelpName = "FORMAT[=FILE]",
        Description = "Writes what --check found as junit, sarif, tap or github, to this file or to standard error "
            + "(docs/ci.md). May be repeated.",
        Arity = ArgumentArity.OneOrMore,
    };

    internal ReportArguments(Command run) => run.Add(_report);

    /// <summary>Reads the options.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="reports">The forms, each with its file; null for standard error.</param>
    /// <returns>What is wrong with one, in a sentence; null if nothing is.</returns>
    internal string? TryRead(ParseResult parsed, out IReadOnlyList<(ReportFormat Format, string? File)> reports)
    {
        List<(ReportFormat, string?)> read = [];
        reports = read;
        foreach (string text in parsed.GetValue(_report) ?? [])
        {
            string[] pair = text.Split('=', 2);
            if (ReportFormat.Find(pair[0]) is not { } format)
                return $"--report: there is no format \"{pair[0]}\"; expected one of: "
                    + string.Join(", ", ReportFormat.All.Select(f => f.Name));
            if (pair is [_, ""]) return $"--report {text} names no file";
            read.Add((format, pair.Length == 2 ? pair[1] : null));
        }

        return null;
    }

    /// <summary>Writes the reports.</summary>
    /// <returns>Why one cannot be written, in a sentence; null if all were.</returns>
    internal static string? Write(
        IReadOnlyList<(ReportFormat Format, string? File)> reports, CheckReport report, TextWriter error)
    {
        foreach ((ReportFormat format, string? file) in reports)
        {
            try
            {
                if (file is null)
                {
                    format.Write(report, error);
                    continue;
                }

                using var output = new StreamWriter(file);
                format.Write(report, output);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return $"the report {format.Name}={file} cannot be written: {e.Message}";
            }
        }

        return null;
    }

    /// <summary>A report of a run that ended.</summary>
    internal static CheckReport Of(
        RunOptions run, CheckOptions options, IReadOnlyList<ReportedFinding> findings, int code,
        DateTimeOffset began) =>
        new()
        {
            Command = [run.Program, .. run.Arguments],
            Kinds = [.. CheckKind.All.Where(k => options.Has(k)
                && !k.Name.StartsWith("dma-api-", StringComparison.Ordinal))],
            Findings = findings,
            ExitCode = code,
            IsTimedOut = run.Timeout is not null && code == ExitCodes.TimedOut,
            Began = began,
            Took = DateTimeOffset.UtcNow - began,
            Version = OwnVersion.Full,
            Root = Environment.GetEnvironmentVariable("GITHUB_WORKSPACE")
                ?? Environment.GetEnvironmentVariable("CI_PROJECT_DIR") ?? Environment.CurrentDirectory,
        };
}
