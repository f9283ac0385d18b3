namespace Ioasis.Bench;

/// <summary>The list of benchmarks.</summary>
internal static class Catalog
{
    private static readonly (string Name, Func<int, IEnumerable<Comparison>> Run)[] s_all =
    [
        ("dma", DmaBenchmark.Run),
        ("threads", ThreadsBenchmark.Run),
        ("nested", NestedBenchmark.Run),
        ("map", MapBenchmark.Run),
        ("dma-api", DmaApiBenchmark.Run),
        ("memory", _ => [FootprintBenchmark.Run()]),
        ("requests", PageRequestBenchmark.Run),
        ("scale", _ => ScaleBenchmark.Run()),
        ("dirty", rounds => [DirtyBenchmark.Run(rounds)]),
        ("transfer", TransferBenchmark.Run),
        ("ioctl", rounds => [IoctlBenchmark.Run(rounds)]),
        ("doorbells", DoorbellBenchmark.Run),
        ("nvme", NvmeBenchmark.Run),
        ("ioas-map", IoasMapBenchmark.Run),
        ("mappings", MappingsBenchmark.Run),
        ("mdevs", MdevBenchmark.Run),
        ("watch", WatchBenchmark.Run),
        ("page", PageBenchmark.Run),
        ("peers", PeersBenchmark.Run),
    ];

    internal static IReadOnlyList<string> Names { get; } = [.. s_all.Select(b => b.Name)];

    /// <summary>
    /// What a benchmark needs that this host lacks, in one sentence without a full stop; null if nothing.
    /// </summary>
    internal static string? Missing(string name) => name == "peers" ? PeersBenchmark.Missing : null;

    internal static IEnumerable<Comparison> Run(string name, int rounds) =>
        s_all.Single(b => b.Name == name).Run(rounds);
}
