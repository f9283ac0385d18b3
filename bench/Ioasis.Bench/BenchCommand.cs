using Ioasis.Bench.Report;

namespace Ioasis.Bench;

/// <summary>
/// The command <c>bench</c>. As for the other commands, a wrong command line gets a one-sentence error and exit code 2.
/// </summary>
internal static class BenchCommand
{
    private const int UsageError = 2;

    private const string Help = """
        Usage: ioasis bench [NAME...] [--rounds N] [--json] [--html FILE]
               ioasis bench --check
          Measures beside C on this machine: min and median of alternating rounds, and the ratio of the minima.
          --rounds N    how often ours and the baseline take turns; 5
          --json        the records, rather than a table
          --html FILE   a page with the table, and a plot where "mappings" is measured
          --check       a few ratios only; exit code 1 when one is out of its bounds
          NAME          one of:
        """;

    internal static int Run(string[] arguments, TextWriter output, TextWriter error)
    {
        if (arguments is ["--help" or "-h" or "-?"])
        {
            output.WriteLine($"{Help} {string.Join(", ", Catalog.Names)}; without any, all");
            return 0;
        }

        if (BenchOptions.Parse(arguments, Catalog.Names, out string? complaint) is not { } options)
            return Refuse(error, complaint!);
        if (options.Check) return RatioCheck.Run(output) ? 0 : 1;
        if (options.Names is [var only] && Catalog.Missing(only) is { } lack) return Refuse(error, lack);
        try
        {
            // Opens the file before minutes of measuring, so that a wrong path fails at once.
            using StreamWriter? page = options.Html is { } file ? new StreamWriter(file) : null;
            List<Comparison> results = [];
            foreach (string name in options.Names)
            {
                if (Catalog.Missing(name) is { } missing)
                {
                    error.WriteLine($"{missing}.");
                    continue;
                }

                error.WriteLine($"measuring {name} ({results.Count} results so far)");
                results.AddRange(Catalog.Run(name, options.Rounds));
            }

            page?.Write(HtmlPage.Of(results));
            if (options.Json) output.WriteLine(JsonRecords.Of(results));
            else
                TextTable.Write(results, output, coloured: !Console.IsOutputRedirected
                && Environment.GetEnvironmentVariable("NO_COLOR") is null or "");
            return 0;
        }
        catch (Exception e) when (options.Html is not null && e is IOException or UnauthorizedAccessException)
        {
            return Refuse(error, e.Message);
        }
    }

    private static int Refuse(TextWriter error, string sentence)
    {
        error.WriteLine($"ioasis: {sentence}{(sentence.EndsWith('.') ? "" : ".")}");
        return UsageError;
    }
}
