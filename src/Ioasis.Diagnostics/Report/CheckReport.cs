using Ioasis.Diagnostics.Check;

namespace Ioasis.Diagnostics.Report;

/// <summary>What came of a run that was checked.</summary>
internal sealed record CheckReport
{
    /// <summary>The program and its arguments.</summary>
    public required IReadOnlyList<string> Command { get; init; }

    /// <summary>The kinds of findings that were looked for.</summary>
    public required IReadOnlyList<CheckKind> Kinds { get; init; }

    /// <summary>What was found.</summary>
    public IReadOnlyList<ReportedFinding> Findings { get; init; } = [];

    /// <summary>The program's own exit code.</summary>
    public int ExitCode { get; init; }

    /// <summary>Whether the program was killed because its time was over.</summary>
    public bool IsTimedOut { get; init; }

    /// <summary>When the program began.</summary>
    public DateTimeOffset Began { get; init; }

    /// <summary>How long it ran.</summary>
    public TimeSpan Took { get; init; }

    /// <summary>The version of Ioasis.</summary>
    public string Version { get; init; } = "";

    /// <summary>The directory that paths of files of source are shown relative to.</summary>
    public string Root { get; init; } = "";

    /// <summary>What went wrong with the program itself; null if nothing did.</summary>
    internal string? ProgramFailure => IsTimedOut ? "killed: it ran longer than it may"
        : ExitCode != 0 ? FormattableString.Invariant($"ended with {ExitCode}")
        : null;

    /// <summary>The program's name.</summary>
    internal string Program => Path.GetFileName(Command[0]);

    /// <summary>A path as a CI shows it: relative to the sources where it is below them.</summary>
    internal string Shown(string file)
    {
        string root = Root.TrimEnd('/') + "/";
        return file.StartsWith(root, StringComparison.Ordinal) ? file[root.Length..] : file;
    }
}
