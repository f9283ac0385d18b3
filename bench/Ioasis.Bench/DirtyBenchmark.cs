using System.Diagnostics;
using Ioasis.Abi;
using Ioasis.Core.Dma;
using Ioasis.Memory;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Bench;

/// <summary>
/// Reads the dirty bitmap of 1 TiB with pages of 4 KiB, 1 % of them dirty at random. Baseline: reading the bytes of
/// such a bitmap once.
/// </summary>
internal static class DirtyBenchmark
{
    private const ulong Start = 1UL << 40, Length = 1UL << 40, Page = 4096, Pages = Length / Page;

    internal static Comparison Run(int rounds)
    {
        var bench = new InProcess(IOMMU_HWPT_ALLOC_DIRTY_TRACKING);

        // 1 TiB of mappings over the same 1 GiB: only the IOVAs matter here.
        HostBlock block = bench.Allocate(1UL << 30);
        for (ulong at = 0; at < Length; at += 1UL << 30) bench.Map(Start + at, (ulong)block.Address, 1UL << 30);
        var tracking = new IommuHwptSetDirtyTracking
        {
            Size = InProcess.Size<IommuHwptSetDirtyTracking>(),
            Flags = IOMMU_HWPT_DIRTY_TRACKING_ENABLE,
            HwptId = bench.Hwpt,
        };
        bench.Call(IOMMU_HWPT_SET_DIRTY_TRACKING, ref tracking);
        HostBlock bitmap = bench.Allocate(Pages / 8);
        byte[] chunk = new byte[1 << 20];
        List<double> ours = [], theirs = [];
        for (int round = 0; round <= rounds; round++)
        {
            Write(bench, new Random(round));
            bitmap.Clear();
            long start = Stopwatch.GetTimestamp();
            var args = new IommuHwptGetDirtyBitmap
            {
                Size = InProcess.Size<IommuHwptGetDirtyBitmap>(),
                HwptId = bench.Hwpt,
                Iova = Start,
                Length = Length,
                PageSize = Page,
                Data = (ulong)bitmap.Address,
            };
            bench.Call(IOMMU_HWPT_GET_DIRTY_BITMAP, ref args);
            double took = Stopwatch.GetElapsedTime(start).TotalNanoseconds;
            start = Stopwatch.GetTimestamp();
            for (ulong at = 0; at < bitmap.Length; at += (uint)chunk.Length) bitmap.CopyTo(at, chunk);
            if (round == 0) continue; // the first round warms up the compiler
            theirs.Add(Stopwatch.GetElapsedTime(start).TotalNanoseconds);
            ours.Add(took);
        }

        return new Comparison("dirty bitmap of 1 TiB, 1 % dirty", Series.Of(ours), "reading its 32 MiB once",
            Series.Of(theirs));
    }

    private static void Write(InProcess bench, Random random)
    {
        using DmaPort port = bench.Endpoint.OpenPort();
        byte[] word = new byte[8];
        for (ulong i = 0; i < Pages / 100; i++)
        {
            if (!port.Write(new Iova(Start + ((ulong)random.NextInt64((long)Pages) * Page)), word).IsOk)
                throw new InvalidOperationException("A write that must succeed failed.");
        }
    }
}
