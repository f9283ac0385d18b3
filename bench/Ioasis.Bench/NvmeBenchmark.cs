namespace Ioasis.Bench;

/// <summary>
/// Random reads of 4 KiB from our NVMe controller under <c>ioasis run</c>, by a driver in C that looks for completions
/// without a pause. Baseline: the same driver, and a device model in C that does nothing but the work, over shared
/// memory.
/// </summary>
internal static class NvmeBenchmark
{
    private const double Target = 1.25; // 0.8 of the baseline's reads
    private const string Address = "1000:00:10.0";
    private const double Median = 15_000, Longest = 1_000_000; // at depth 1: until it is seen, in ns; the latter 99.9 %
    private static readonly int[] s_depths = [1, 32];

    internal static IEnumerable<Comparison> Run(int rounds)
    {
        foreach (string memory in (string[])["memfd", "private"])
        {
            List<Dictionary<string, double>> ours = [], theirs = [], locked = [];
            for (int round = 0; round < rounds; round++)
            {
                ours.Add(Measure(memory, seconds: 2, s_depths));
                theirs.Add(Model([], seconds: 2, s_depths));
                if (memory == "memfd") locked.Add(Model(["steps"], seconds: 2, s_depths));
            }

            if (locked.Count != 0)
                yield return Compare("a read, 1 in flight, median", memory, ours, locked, "the same with our locks");

            foreach (int depth in s_depths)
            {
                yield return Compare($"a read, {depth} in flight", memory, ours, theirs) with
                {
                    Target = memory == "memfd" ? Target : null,
                };
                yield return Compare($"a read, {depth} in flight, median", memory, ours, theirs) with
                {
                    Limit = depth == 1 ? Median : null,
                };
                yield return Compare($"a read, {depth} in flight, 99.9 %", memory, ours, theirs) with
                {
                    Limit = depth == 1 ? Longest : null,
                };
            }
        }
    }

    /// <summary>The median of a read at depth 1, ours and the model's.</summary>
    internal static (double Ours, double Theirs) MedianRead()
    {
        const string Figure = "a read, 1 in flight, median";
        return (Measure("memfd", 1, 1)[Figure], Model([], 1, 1)[Figure]);
    }

    private static Dictionary<string, double> Measure(string memory, int seconds, params int[] depths) =>
        Baselines.Measure(Path.Combine(Baselines.Root, "ioasis"),
            ["run", "--device", $"nvme@{Address}", "--", Baselines.Program("nvme_reads"), Address, memory, $"{seconds}",
                .. depths.Select(d => $"{d}")]);

    private static Dictionary<string, double> Model(string[] options, int seconds, params int[] depths) =>
        Baselines.Measure(Baselines.Program("nvme_model"), [.. options, $"{seconds}", .. depths.Select(d => $"{d}")]);

    private static Comparison Compare(string figure, string memory, IEnumerable<Dictionary<string, double>> ours,
        IEnumerable<Dictionary<string, double>> theirs, string model = "a model in C") =>
        new($"nvme, {memory}: {figure}", Series.Of(ours.Select(o => o[figure])), model,
            Series.Of(theirs.Select(t => t[figure])));
}
