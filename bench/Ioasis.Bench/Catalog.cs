namespace Ioasis.Bench;

/// <summary>The benchmarks that there are.</summary>
internal static class Catalog
{
    private static readonly (string Name, Func<int, IEnumerable<Comparison>> Run)[] s_all =
    [
        ("dma", DmaBenchmark.Run),
        ("threads", ThreadsBenchmark.Run),
        ("nested", NestedBenchmark.Run),
        ("map", MapBenchmark.Run),
        ("memory", _ => [FootprintBenchmark.Run()]),
        ("requests", PageRequestBenchmark.Run),
        ("scale", _ => ScaleBenchmark.Run()),
        ("dirty", rounds => [DirtyBenchmark.Run(rounds)]),
        ("transfer", TransferBenchmark.Run),
        ("ioctl", rounds => [IoctlBenchmark.Run(rounds)]),
        ("mappings", MappingsBenchmark.Run),
    ];

    internal static IReadOnlyList<string> Names { get; } = [.. s_all.Select(b => b.Name)];

    internal static IEnumerable<Comparison> Run(string name, int rounds) => s_all.Single(b => b.Name == name).Run(rounds);
}
