namespace Ioasis.Bench;

/// <summary>
/// Cost of a translation that misses the port's IOTLB, and of a map with an unmap, with 1 to 1M mappings. The memory is
/// at least 256 MiB, and 4 GiB with 1M mappings, so that pages miss: an IOTLB has an entry per page.
/// </summary>
internal static class MappingsBenchmark
{
    private const int FewestPages = 1 << 16;

    internal static IEnumerable<Comparison> Run(int rounds)
    {
        foreach (int mappings in (int[])[1, 64, 1 << 10, 1 << 16, 1 << 20])
        {
            int pages = Math.Max(mappings, FewestPages);
            using var reader = new DmaBenchmark.Reader(pages, mappings);
            yield return InTurn(rounds, "translation that misses", mappings, reader.Locate, "4-level walk",
                () => Baselines.Measure(Baselines.Program("translate"), $"{pages}")["4-level walk"]);
            yield return InTurn(rounds, "map and unmap of 4 KiB", mappings, MapBenchmark.Areas.Of(mappings).Pairs,
                "4-level entries set and cleared",
                () => Baselines.Measure(Baselines.Program("pairs"), $"{mappings}").Values.Single());
        }
    }

    private static Comparison InTurn(
        int rounds, string operation, int mappings, Func<int, double> ours, string beside, Func<double> theirs)
    {
        Loop.Warm(ours);
        List<double> first = [], second = [];
        for (int round = 0; round < rounds; round++)
        {
            first.Add(Loop.Best(ours));
            second.Add(theirs());
        }

        return new Comparison($"{operation}, {mappings} mappings", Series.Of(first), beside,
            Series.Of(second))
        { At = new PlotPoint(operation, mappings) };
    }
}
