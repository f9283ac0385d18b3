using System.Diagnostics;
using Ioasis.Units.Vtd;

namespace Ioasis.Bench;

/// <summary>
/// Checks a few ratios, of the minima and of the medians. Each fails at about twice the value that docs/performance.md
/// records for minima, and medians at twice that. They are taken over up to three tries: other load can only make a
/// round slower, so a further try can only improve the estimate of a minimum.
/// </summary>
internal static class RatioCheck
{
    private const int Tries = 3, Rounds = 3;
    private const double HitBound = 6, MissBound = 7, NestedBound = 4.5, MapBound = 300;
    private const double NvmeBound = 8, IoasMapBound = 3;
    private const double MedianBound = 2; // times the bound of the minima

    /// <summary>
    /// Measures, reports, and returns whether all bounds hold. As in the other suites, the last line is the verdict.
    /// </summary>
    internal static bool Run(TextWriter output)
    {
        long start = Stopwatch.GetTimestamp();
        using var few = new DmaBenchmark.Reader(64);
        using var many = new DmaBenchmark.Reader(1024);
        using var nested = new NestedBenchmark.Walker(new VtdFeatures { IotlbEntries = 0, StructureEntries = 0 }, 1024,
            atOnce: false);
        MapBenchmark.Areas areas = MapBenchmark.Areas.Of(1024);
        bool[] kept =
        [
            Keeps(output, "DMA hit", HitBound, few.Locate, "translate", 64, "software TLB hit"),
            Keeps(output, "DMA miss, 1k mappings", MissBound, many.Locate, "translate", 1024, "4-level walk"),
            Keeps(output, "nested walk", NestedBound, nested.Round, "nested", 1024, "nested walk, 24 references"),
            Keeps(output, "map and unmap", MapBound, areas.Pairs, "pairs", 1024, "4-level entries set and cleared"),
            Keeps(output, "nvme read, depth 1", NvmeBound, "C", NvmeBenchmark.MedianRead),
            Keeps(output, "IOAS_MAP of a page", IoasMapBound, "a call that does nothing", IoasMapBenchmark.OfMemfd),
        ];
        output.WriteLine($"Total: {kept.Length}, Errors: 0, Failed: {kept.Count(k => !k)}, Skipped: 0, Not Run: 0, "
            + $"Time: {Stopwatch.GetElapsedTime(start).TotalSeconds:0.0}s");
        return kept.All(k => k);
    }

    private static bool Keeps(
        TextWriter output, string name, double bound, Func<int, double> ours, string program, int pages, string figure)
    {
        Loop.Warm(ours);
        return Keeps(output, name, bound, "C", () =>
            (Loop.Best(ours), Baselines.Measure(Baselines.Program(program), $"{pages}")[figure]));
    }

    private static bool Keeps(
        TextWriter output, string name, double bound, string beside, Func<(double Ours, double Theirs)> measure)
    {
        List<double> ours = [], theirs = [];
        double least = double.NaN, median = double.NaN;
        bool keeps = false;
        for (int attempt = 0; attempt < Tries && !keeps; attempt++)
        {
            for (int round = 0; round < Rounds; round++)
            {
                (double one, double other) = measure();
                ours.Add(one);
                theirs.Add(other);
            }

            (Series mine, Series its) = (Series.Of(ours), Series.Of(theirs));
            (least, median) = (mine.Min / its.Min, mine.Median / its.Median);
            keeps = least <= bound && median <= MedianBound * bound;
        }

        output.WriteLine($"{name,-22} {ours.Min(),8:f1} ns  beside {theirs.Min(),6:f1} ns of {beside}: {least,6:f2}, "
            + $"median {median,6:f2}, at most {bound:0.#} and {MedianBound * bound:0.#}{(keeps ? "" : "  FAILED")}");
        return keeps;
    }
}
