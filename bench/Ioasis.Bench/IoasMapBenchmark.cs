namespace Ioasis.Bench;

/// <summary>
/// A program under <c>ioasis run</c> maps the pages of one piece of memory one by one. Baseline: calls of the same
/// program that do nothing.
/// </summary>
internal static class IoasMapBenchmark
{
    private const string Address = "1000:00:03.0", Nothing = "a call that does nothing";
    private const int Pages = 16384;
    private static readonly string[] s_memory = ["memfd", "private"];

    internal static IEnumerable<Comparison> Run(int rounds)
    {
        List<Dictionary<string, double>> measured = [.. Enumerable.Range(0, rounds).Select(_ => Measure(s_memory))];
        foreach (string memory in s_memory)
        {
            foreach (string what in (string[])["IOAS_MAP of a page", "IOAS_UNMAP of a page"])
            {
                yield return new Comparison($"{what}, {memory}",
                    Series.Of(measured.Select(m => m[$"{what}, {memory}"])),
                    Nothing, Series.Of(measured.Select(m => m[$"{Nothing}, {memory}"])))
                { Target = memory == "memfd" ? 1.3 : null };
            }
        }
    }

    /// <summary>A map of a page of a memfd, and a call that does nothing.</summary>
    internal static (double Map, double Nothing) OfMemfd()
    {
        Dictionary<string, double> measured = Measure("memfd");
        return (measured["IOAS_MAP of a page, memfd"], measured[$"{Nothing}, memfd"]);
    }

    // the first memory twice: in the first pass the supervisor's code is still being compiled
    private static Dictionary<string, double> Measure(params string[] memory) =>
        Baselines.Measure(Path.Combine(Baselines.Root, "ioasis"),
            ["run", "--", Baselines.Program("ioas_map"), Address, $"{Pages}", memory[0], .. memory]);
}
