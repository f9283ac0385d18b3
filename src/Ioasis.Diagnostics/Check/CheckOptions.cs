using System.Collections.Immutable;
using System.Globalization;

namespace Ioasis.Diagnostics.Check;

/// <summary>Which checks are made, and what becomes of findings.</summary>
internal sealed record CheckOptions
{
    private static readonly (string Name, string Meaning)[] s_options =
    [
        ("exitcode", "The exit code if something was found and the program's own was 0. Default: 99."),
        ("log_path", "Reports go to the file PATH.PID instead of standard error."),
        ("halt_on_error", "1: the first finding ends the program."),
        ("suppressions", "A file of lines kind:pattern. Findings that match are not reported."),
        ("min_linux", "Calls that Linux N.M does not have are reported (newer-uapi)."),
        ("max_reports", "How many findings are reported in full. Default: 100."),
        ("stacks", "0: reports have no stacks, and no thread stops for one. Default: 1."),
        ("help", "1: lists the options."),
    ];

    private ImmutableDictionary<string, bool> _chosen = ImmutableDictionary<string, bool>.Empty;

    /// <summary>The exit code for a program that ended with 0 although something was found.</summary>
    public int ExitCode { get; init; } = 99;

    /// <summary>The beginning of the name of the file for the reports; null for standard error.</summary>
    public string? LogPath { get; init; }

    /// <summary>Whether the first finding ends the program.</summary>
    public bool HaltOnError { get; init; }

    /// <summary>The file of suppressions; null for none.</summary>
    public string? SuppressionFile { get; init; }

    /// <summary>Whether reports have the stacks of calls.</summary>
    public bool Stacks { get; init; } = true;

    /// <summary>Whether the options are to be listed.</summary>
    public bool Help { get; init; }

    /// <summary>The oldest Linux that the program is meant for; null for any.</summary>
    public Version? MinLinux { get; init; }

    /// <summary>How many findings are reported in full. Further ones are counted.</summary>
    public int Most { get; init; } = 100;

    /// <summary>Whether a kind of finding is looked for.</summary>
    public bool Has(CheckKind kind)
    {
        ArgumentNullException.ThrowIfNull(kind);
        return _chosen.TryGetValue(kind.Name, out bool isOn) ? isOn : kind.IsOn;
    }

    /// <summary>The same options with a kind of finding looked for, or not.</summary>
    public CheckOptions With(CheckKind kind, bool isOn)
    {
        ArgumentNullException.ThrowIfNull(kind);
        return this with { _chosen = _chosen.SetItem(kind.Name, isOn) };
    }

    /// <summary>
    /// Reads options as AddressSanitizer's are written: <c>exitcode=1:log_path=x:dma-unmapped=0</c>.
    /// </summary>
    /// <param name="text">The options; null or empty for the defaults.</param>
    /// <param name="options">What they say.</param>
    /// <returns>What is wrong with an option; null if nothing is.</returns>
    public static string? TryRead(string? text, out CheckOptions options)
    {
        options = new CheckOptions();
        foreach (string word in (text ?? "").Split([':', ' ', ','], StringSplitOptions.RemoveEmptyEntries))
        {
            int equals = word.IndexOf('=', StringComparison.Ordinal);
            (string name, string value) = equals < 0 ? (word, "") : (word[..equals], word[(equals + 1)..]);
            if (value.Length == 0) return $"\"{word}\" is no option such as exitcode=1";
            if (options.Read(name, value) is not { } read)
            {
                return CheckKind.All.Any(k => k.Name == name) || s_options.Any(o => o.Name == name)
                    ? $"{name} cannot be \"{value}\""
                    : $"there is no option \"{name}\"; help=1 lists all";
            }

            options = read;
        }

        return null;
    }

    /// <summary>The lines that list the options.</summary>
    public static IEnumerable<string> HelpLines => s_options
        .Select(o => $"  {o.Name,-24} {o.Meaning}")
        .Concat(CheckKind.All.Select(k => $"  {k.Name,-24} {(k.IsOn ? "on" : "off")}: {k.Meaning}"));

    private CheckOptions? Read(string name, string value)
    {
        bool? flag = value switch { "1" or "true" or "yes" => true, "0" or "false" or "no" => false, _ => null };
        bool isNumber = int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int number);
        return name switch
        {
            "exitcode" => isNumber && number <= 255 ? this with { ExitCode = number } : null,
            "log_path" => this with { LogPath = value },
            "halt_on_error" => flag is { } halts ? this with { HaltOnError = halts } : null,
            "suppressions" => this with { SuppressionFile = value },
            "min_linux" => Version.TryParse(value, out Version? linux)
                ? (this with { MinLinux = linux }).With(CheckKind.NewerUapi, true)
                : null,
            "max_reports" => isNumber && number > 0 ? this with { Most = number } : null,
            "stacks" => flag is { } has ? this with { Stacks = has } : null,
            "help" => flag is { } helps ? this with { Help = helps } : null,
            _ => CheckKind.All.FirstOrDefault(k => k.Name == name) is { } kind && flag is { } isOn
                ? With(kind, isOn)
                : null,
        };
    }
}
