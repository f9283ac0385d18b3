using System.Diagnostics;
using Ioasis.Memory;

namespace Ioasis.Bench;

/// <summary>
/// What a map and an unmap cost through the ioctl table, with a device attached: whatever the size, the same, since nothing is done page by page.
/// The baseline is our own 4 KiB.
/// </summary>
internal static class MapBenchmark
{
    private const int Pairs = 200_000;
    private const ulong Page = 4096, Start = 0x1_0000_1000; // page-aligned and no more: no large entry fits at the ends

    internal static IEnumerable<Comparison> Run(int rounds)
    {
        var bench = new InProcess();
        HostBlock block = bench.Allocate(1UL << 30);
        foreach ((ulong length, string name) in ((ulong, string)[])[(2UL << 20, "2 MiB"), (1UL << 30, "1 GiB")])
        {
            Round(bench, block, length);
            Round(bench, block, Page);
            List<double> ours = [], page = [];
            for (int round = 0; round < rounds; round++)
            {
                ours.Add(Round(bench, block, length));
                page.Add(Round(bench, block, Page));
            }

            yield return new Comparison($"map and unmap of {name}", Series.Of(ours), "ours of 4 KiB", Series.Of(page));
        }
    }

    private static double Round(InProcess bench, HostBlock block, ulong length)
    {
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < Pairs; i++)
        {
            bench.Map(Start, (ulong)block.Address, length);
            bench.Unmap(Start, length);
        }

        return Stopwatch.GetElapsedTime(start).TotalNanoseconds / Pairs;
    }
}
