using System.Diagnostics;
using System.Runtime.Intrinsics.X86;
using Ioasis.Memory;

namespace Ioasis.Bench;

/// <summary>
/// Cost of a map and an unmap through the ioctl table, with a device attached. It does not depend on the size, because
/// nothing is done page by page, and hardly on the number of mappings. Also the cost per area of unmapping everything.
/// </summary>
internal static class MapBenchmark
{
    private const double Pair = 200, Growth = 2, Large = 1.5, All = 100;
    // page-aligned and no more, so that no large entry fits at the ends
    private const ulong Page = 4096, Start = 0x1_0000_1000;

    internal static IEnumerable<Comparison> Run(int rounds)
    {
        var bench = new InProcess();
        HostBlock block = bench.Allocate(1UL << 30);
        foreach ((ulong length, string name) in ((ulong, string)[])[(2UL << 20, "2 MiB"), (1UL << 30, "1 GiB")])
        {
            (Series large, Series page) = InTurn(rounds, n => Pairs(n, length), n => Pairs(n, Page));
            yield return new Comparison($"map and unmap of {name}", large, "ours of 4 KiB", page) { Target = Large };
        }

        // of a file, as no process has so much memory
        using var file = new LargeFile((1UL << 40) + (2 * Page));
        bench.File = file;
        bench.MapFile(0, 0, Page); // holds the file, as a program does that maps more of it
        (Series whole, Series ofFile) = InTurn(rounds, n => FilePairs(n, 1UL << 40), n => FilePairs(n, Page));
        yield return new Comparison("map and unmap of 1 TiB of a file", whole, "ours of 4 KiB of it", ofFile)
        { Target = Large };

        (AddressSpace program, ulong address) = file.MapFirstPage();
        bench.MapPage(program, 2 * Page, address); // a program maps more than one
        bench.MapPage(bench.Memory, 4 * Page, (ulong)block.Address);
        (Series theirs, Series own) = InTurn(rounds, n => Each(n, () => PagePair(program, address)),
            n => Each(n, () => PagePair(bench.Memory, (ulong)block.Address)));
        yield return new Comparison("map and unmap of a page of a program's memfd", theirs, "ours of our own", own)
        { Target = 1.3 };

        var few = Areas.Of(1 << 10);
        var some = Areas.Of(1 << 16);
        var many = Areas.Of(1 << 20);
        (Series among64K, Series among1K) = InTurn(rounds, some.Pairs, few.Pairs);
        yield return new Comparison("map and unmap of 4 KiB among 64k areas", among64K, "ours among 1k",
            among1K)
        { Limit = Pair };
        (Series among1M, among1K) = InTurn(rounds, many.Pairs, few.Pairs);
        yield return new Comparison("map and unmap of 4 KiB among 1M areas", among1M, "ours among 1k",
            among1K)
        { Target = Growth };
        if (Avx2.IsSupported) // the C has no other form
            foreach ((Areas areas, int count, string name) in
                ((Areas, int, string)[])[(some, 1 << 16, "64k"), (many, 1 << 20, "1M")])
                yield return BesideC(rounds, areas, count, name);

        List<double> all = [], walked = [];
        string translate = Baselines.Program("translate");
        for (int round = 0; round < rounds; round++)
        {
            all.Add(many.UnmapAll());
            walked.Add(Baselines.Measure(translate, $"{1 << 20}")["clearing 4-level entries"]);
            many.MapAll();
        }

        yield return new Comparison("unmapping all of 1M areas, for each", Series.Of(all), "clearing 4-level entries",
            Series.Of(walked))
        { Limit = All };

        double Pairs(int count, ulong length) =>
            Each(count, () =>
            {
                bench.Map(Start, (ulong)block.Address, length);
                bench.Unmap(Start, length);
            });

        void PagePair(AddressSpace memory, ulong at)
        {
            bench.MapPage(memory, Start, at);
            bench.UnmapPage(Start);
        }

        double FilePairs(int count, ulong length) =>
            Each(count, () =>
            {
                bench.MapFile(Start, Page, length);
                bench.Unmap(Start, length);
            });
    }

    private static Comparison BesideC(int rounds, Areas areas, int count, string name)
    {
        string program = Baselines.Program("areas");
        List<double> ours = [], theirs = [];
        for (int round = 0; round < rounds; round++)
        {
            ours.Add(Loop.Best(areas.Pairs));
            theirs.Add(Baselines.Measure(program, $"{count}").Values.Single());
        }

        return new Comparison($"map and unmap of 4 KiB among {name} areas, beside C", Series.Of(ours),
            "C with the steps of an IOAS", Series.Of(theirs));
    }

    private static (Series Ours, Series Beside) InTurn(int rounds, Func<int, double> ours, Func<int, double> beside)
    {
        Loop.Warm(ours);
        Loop.Warm(beside);
        List<double> first = [], second = [];
        for (int round = 0; round < rounds; round++)
        {
            first.Add(Loop.Best(ours));
            second.Add(Loop.Best(beside));
        }

        return (Series.Of(first), Series.Of(second));
    }

    private static double Each(int count, Action pair)
    {
        count = Math.Max(1, count / 16);
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < count; i++) pair();
        return Stopwatch.GetElapsedTime(start).TotalNanoseconds / count;
    }

    /// <summary>Many areas of 4 KiB in one IOAS, with gaps between them.</summary>
    internal sealed class Areas(int count)
    {
        private const int Sequence = 1 << 12;
        private readonly InProcess _bench = new();
        private readonly ulong[] _gaps = new ulong[Sequence];
        private HostBlock? _block;

        internal static Areas Of(int count)
        {
            var areas = new Areas(count);
            areas._block = areas._bench.Allocate((ulong)count * Page);
            var random = new Random(1);
            for (int i = 0; i < Sequence; i++) areas._gaps[i] = Start + ((((ulong)random.Next(count) * 2) + 1) * Page);
            areas.MapAll();
            return areas;
        }

        internal void MapAll()
        {
            for (ulong i = 0; i < (ulong)count; i++)
                _bench.Map(Start + (i * 2 * Page), (ulong)_block!.Address + (i * Page), Page);
        }

        internal double UnmapAll()
        {
            long start = Stopwatch.GetTimestamp();
            _bench.Unmap(0, ulong.MaxValue);
            return Stopwatch.GetElapsedTime(start).TotalNanoseconds / count;
        }

        /// <summary>Maps and unmaps in random gaps.</summary>
        internal double Pairs(int repetitions)
        {
            repetitions = Math.Max(1, repetitions / 16);
            ulong memory = (ulong)_block!.Address;
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < repetitions; i++)
            {
                ulong iova = _gaps[i & (Sequence - 1)];
                _bench.Map(iova, memory, Page);
                _bench.Unmap(iova, Page);
            }

            return Stopwatch.GetElapsedTime(start).TotalNanoseconds / repetitions;
        }
    }
}
