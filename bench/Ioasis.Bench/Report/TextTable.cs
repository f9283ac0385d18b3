namespace Ioasis.Bench.Report;

/// <summary>The results in aligned columns.</summary>
internal static class TextTable
{
    private const string Green = "\e[32m", Red = "\e[31m", Plain = "\e[0m";
    private const int Reached = 7;

    internal static void Write(IReadOnlyList<Comparison> results, TextWriter output, bool coloured)
    {
        string[][] rows =
        [
            ["", "ours", "median", "beside", "median", "ratio", "target", "reached", "unit; beside what"],
            .. results.Select(r => (string[])
            [
                r.Name, Cells.Number(r.Ours.Min), Cells.Number(r.Ours.Median), Cells.Number(r.Baseline.Min),
                Cells.Number(r.Baseline.Median), Cells.Ratio(r),
                Cells.Target(r), Cells.Reached(r), $"{r.Unit}; {r.BaselineName}",
            ]),
        ];
        int[] widths = [.. Enumerable.Range(0, rows[0].Length).Select(column => rows.Max(row => row[column].Length))];
        foreach (string[] row in rows)
        {
            // Words are left-aligned, figures right-aligned. Colour does not count in a width.
            IEnumerable<string> cells = row.Select((text, column) =>
            {
                string padded = column is 0 or > 5 ? text.PadRight(widths[column]) : text.PadLeft(widths[column]);
                return !coloured || column != Reached ? padded : text switch
                {
                    "yes" => Green + padded + Plain,
                    "NO" => Red + padded + Plain,
                    _ => padded,
                };
            });
            output.WriteLine(string.Join("  ", cells).TrimEnd());
        }

        output.WriteLine("min and median of alternating rounds; ratio of the minima");
    }
}
