using Ioasis.Memory;

namespace Ioasis.Bench;

/// <summary>
/// Our memory per mapping of 4 KiB, with a million mappings and a device attached. The C only keeps a 4-level table.
/// </summary>
internal static class FootprintBenchmark
{
    private const double Most = 64;
    private const ulong Page = 4096, Start = 0x1_0000_0000, Count = 1 << 20;

    internal static Comparison Run()
    {
        var bench = new InProcess();
        HostBlock block = bench.Allocate(Count * Page);
        long before = GC.GetTotalMemory(forceFullCollection: true);
        for (ulong i = 0; i < Count; i++) bench.Map(Start + (i * 2 * Page), (ulong)block.Address + (i * Page), Page);
        double each = (GC.GetTotalMemory(forceFullCollection: true) - before) / (double)Count;
        bench.Unmap(0, ulong.MaxValue);
        double theirs = Baselines.Measure(Baselines.Program("translate"), $"{Count}")["4-level table for each mapping"];
        return new Comparison("memory of a 4 KiB mapping among 1M", new Series(each, each), "a 4-level table",
            new Series(theirs, theirs), "bytes")
        { Limit = Most };
    }
}
