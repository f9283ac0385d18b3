using System.Globalization;

namespace Ioasis.Bench;

/// <summary>The options of <c>ioasis bench</c>.</summary>
internal sealed record BenchOptions
{
    private const int MostRounds = 1000;
    private static readonly string[] s_options = ["--rounds", "--json", "--html", "--check"];

    /// <summary>The benchmarks to run, from the catalog; at least one.</summary>
    public required IReadOnlyList<string> Names { get; init; }

    /// <summary>Number of rounds, in each of which a benchmark and its baseline take turns.</summary>
    public int Rounds { get; init; } = 5;

    /// <summary>Whether to print JSON records instead of a table.</summary>
    public bool Json { get; init; }

    /// <summary>Path of the HTML page; null for none.</summary>
    public string? Html { get; init; }

    /// <summary>Whether to check only a few ratios against bounds.</summary>
    public bool Check { get; init; }

    /// <summary>Parses a command line.</summary>
    /// <param name="arguments">All arguments after the command.</param>
    /// <param name="catalog">The names of all benchmarks.</param>
    /// <param name="complaint">The error, in one sentence without a full stop; null if there is none.</param>
    internal static BenchOptions? Parse(string[] arguments, IReadOnlyList<string> catalog, out string? complaint)
    {
        List<string> names = [];
        var options = new BenchOptions { Names = catalog };
        complaint = null;
        for (int i = 0; i < arguments.Length && complaint is null; i++)
        {
            string word = arguments[i];
            string? value = i + 1 < arguments.Length
                && !arguments[i + 1].StartsWith("--", StringComparison.Ordinal) ? arguments[i + 1] : null;
            if (s_options.Contains(word) && arguments.Count(a => a == word) is > 1 and int times)
                complaint = $"{word} given {(times == 2 ? "twice" : $"{times} times")}";
            else if (word == "--json") options = options with { Json = true };
            else if (word == "--check") options = options with { Check = true };
            else if (word == "--rounds")
            {
                i++;
                if (value is null) complaint = "--rounds needs a value: --rounds N";
                else if (!int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int rounds)
                    || rounds is < 1 or > MostRounds)
                    complaint = $"--rounds takes a number from 1 to {MostRounds}, not \"{value}\"";
                else options = options with { Rounds = rounds };
            }
            else if (word == "--html")
            {
                i++;
                if (value is null) complaint = "--html needs a value: --html FILE";
                else options = options with { Html = value };
            }
            else if (word.StartsWith('-'))
                complaint = $"unknown option \"{word}\" of bench; expected one of: {string.Join(", ", s_options)}";
            else if (!catalog.Contains(word))
                complaint = $"unknown benchmark \"{word}\"; expected one of: {string.Join(", ", catalog)}";
            else names.Add(word);
        }

        if (complaint is null && options.Check && arguments.Length > 1) complaint = "--check takes no other arguments";
        if (complaint is not null) return null;
        return names.Count == 0 ? options : options with { Names = [.. catalog.Where(names.Contains)] };
    }
}
