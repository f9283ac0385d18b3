using Ioasis.Core.Endpoints;
using Ioasis.Memory;

namespace Ioasis.Bench;

/// <summary>
/// What an mdev costs. A DMA of one that is a part of a function, compared with a DMA that carries a PASID of the
/// function itself. And, under <c>ioasis run</c>, creating and removing one.
/// </summary>
internal static class MdevBenchmark
{
    private const double Dma = 1.1;
    private const double CreateAndRemove = 5_000_000; // 5 ms
    private const string Parent = "1000:00:05.0";
    private static readonly string[] s_types = ["dmatest-1ch", "mtty-1"];

    internal static IEnumerable<Comparison> Run(int rounds)
    {
        foreach ((int pages, string what) in ((int, string)[])[(64, "hit"), (1024, "miss")])
        {
            var pasid = new Pasid(1);
            using var part = new DmaBenchmark.Reader(pages, pasid, e => new EndpointPart(e, pasid).OpenPort());
            using var function = new DmaBenchmark.Reader(pages, pasid, e => e.OpenPort(defaultPasid: pasid));
            Loop.Warm(part.Read);
            Loop.Warm(function.Read);
            List<double> ours = [], theirs = [];
            for (int round = 0; round < rounds; round++)
            {
                ours.Add(Loop.Best(part.Read));
                theirs.Add(Loop.Best(function.Read));
            }

            yield return new Comparison($"port.Read of 64 bytes by an mdev, {what}, {pages} mappings",
                Series.Of(ours), "by a PASID of the function", Series.Of(theirs))
            { Target = Dma };
        }

        foreach (string type in s_types) yield return Create(type, rounds);
    }

    private static Comparison Create(string type, int rounds)
    {
        string parent = type.StartsWith("mtty", StringComparison.Ordinal) ? "mtty" : Parent;
        string device = parent == Parent ? $"dmatest@{Parent},mdevs=2" : parent;
        List<Dictionary<string, double>> measured = [];
        for (int round = 0; round < rounds; round++)
            measured.Add(Baselines.Measure(Path.Combine(Baselines.Root, "ioasis"), "run", "--device", device, "--",
                Baselines.Program("mdev"), $"/sys/class/mdev_bus/{parent}/mdev_supported_types/{type}"));
        return new Comparison($"creating and removing a {type}",
            Series.Of(measured.Select(figures => figures["create and remove"])), "two writes without effect",
            Series.Of(measured.Select(figures => figures["two writes"])))
        { Limit = CreateAndRemove };
    }
}
