using System.Diagnostics;
using System.Globalization;
using Ioasis.Core;
using Ioasis.Core.Dma;
using Ioasis.Core.DmaApi;
using Ioasis.Core.Endpoints;
using Ioasis.Memory;
using Ioasis.Units.Vtd;

namespace Ioasis.Bench;

/// <summary>
/// Cost of a map and an unmap of a page by the DMA API, with a device that uses each mapping once: strict beside a hash
/// table in C with the same barrier, lazy beside strict. Also coherent memory from a pool, and two threads.
/// </summary>
internal static class DmaApiBenchmark
{
    private const ulong Page = 4096;
    private const double Strict = 2, Lazy = 0.3, Pool = 30;
    private const double Threads = 2 / 1.7; // two threads do 1.7 times the work of one
    private const int BenchSeconds = 1, Fraction = 16; // of a loop's repetitions: a pair takes longer than a look-up

    internal static IEnumerable<Comparison> Run(int rounds)
    {
        string hash = Baselines.Program("hash");
        foreach (int live in (int[])[1 << 10, 1 << 16, 1 << 20])
        {
            using var strict = new Home(lazy: false, live);
            using var lazy = new Home(lazy: true, live);
            Loop.Warm(n => strict.Pairs(n, use: true));
            Loop.Warm(n => lazy.Pairs(n, use: true));
            List<double> ours = [], theirs = [], collected = [];
            for (int round = 0; round < rounds; round++)
            {
                ours.Add(Loop.Best(n => strict.Pairs(n, use: true)));
                theirs.Add(Baselines.Measure(hash, $"{live}")["hash table and barrier"]);
                collected.Add(Loop.Best(n => lazy.Pairs(n, use: true)));
            }

            yield return new Comparison($"DMA API: map, use, unmap, strict, {live} mappings", Series.Of(ours),
                "hash table and barrier", Series.Of(theirs))
            { Target = Strict };
            yield return new Comparison($"DMA API: map, use, unmap, lazy, {live} mappings", Series.Of(collected),
                "ours, strict", Series.Of(ours))
            { Target = Lazy };
        }

        using var home = new Home(lazy: false, 1 << 10);
        Series table = Series.Of(Enumerable.Range(0, rounds).Select(_ => Baselines.Measure(hash)["hash table"]));
        yield return new Comparison("DMA API: map and unmap, never used",
            Rounds(rounds, n => home.Pairs(n, use: false)), "hash table", table);
        yield return new Comparison("coherent block of a pool, and back", Rounds(rounds, home.Blocks),
            "hash table", table)
        { Limit = Pool };
        (Series two, Series one) = TwoThreads(rounds, home);
        yield return new Comparison("DMA API: map and unmap by each of two threads", two, "one thread", one)
        { Target = Threads };
        using var other = new Home(lazy: true, 0);
        home.Tell("strict");
        other.Tell("lazy");
    }

    private static Series Rounds(int rounds, Func<int, double> loop)
    {
        Loop.Warm(loop);
        return Series.Of(Enumerable.Range(0, rounds).Select(_ => Loop.Best(loop)));
    }

    private static (Series Two, Series One) TwoThreads(int rounds, Home home)
    {
        List<double> two = [], one = [];
        for (int round = 0; round < rounds; round++)
        {
            one.Add(Loop.Best(n => home.Pairs(n, use: false)));
            using var barrier = new Barrier(2);
            double[] best = new double[2];
            Thread[] threads = [.. Enumerable.Range(0, best.Length).Select(i => new Thread(() =>
            {
                barrier.SignalAndWait();
                best[i] = Loop.Best(n => home.Pairs(n, use: false));
            }))];
            foreach (Thread thread in threads) thread.Start();
            foreach (Thread thread in threads) thread.Join();
            two.Add(best.Max());
        }

        return (Series.Of(two), Series.Of(one));
    }

    /// <summary>A device on a domain of its own, with mappings that stay.</summary>
    private sealed class Home : IDisposable
    {
        private readonly DmaDomain _domain;
        private readonly DmaDevice _device;
        private readonly DmaMemory _memory;
        private readonly DmaPort _port;
        private readonly DmaPool _pool;
        private readonly List<DmaMapping> _live = [];

        internal Home(bool lazy, int live)
        {
            var unit = new VtdUnit("dmar0", new VtdFeatures());
            var endpoint = new Endpoint(new RequesterId(0, 0, 1, 0), unit, new IommuGroup(0));
            if (DmaDomain.Create(endpoint, lazy, out DmaDomain? domain) != IommuStatus.Ok
                || endpoint.Group.SetDefaultDomain(domain!.Domain) != IommuStatus.Ok)
                throw new InvalidOperationException("The unit makes no domain.");
            _domain = domain;
            _device = new DmaDevice(domain, "bench");
            _device.SetMaskAndCoherent(64);
            _memory = domain.AllocateMemory(Page);
            _port = endpoint.OpenPort();
            _pool = _device.CreatePool(64, 64);
            for (int i = 0; i < live; i++) _live.Add(Map());
        }

        internal double Pairs(int count, bool use)
        {
            count = Math.Max(1, count / Fraction);
            Span<byte> word = stackalloc byte[8];
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < count; i++)
            {
                DmaMapping mapping = Map();
                if (use) _port.Read(mapping.Address, word);
                mapping.Dispose();
            }

            return Stopwatch.GetElapsedTime(start).TotalNanoseconds / count;
        }

        internal double Blocks(int count)
        {
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < count; i++)
            {
                _pool.Allocate(out DmaPoolBlock block);
                _pool.Free(block);
            }

            return Stopwatch.GetElapsedTime(start).TotalNanoseconds / count;
        }

        /// <summary>What Linux's dma_map_benchmark prints, of one thread and a page.</summary>
        internal void Tell(string policy)
        {
            double maps = 0, mapSquares = 0, unmaps = 0, unmapSquares = 0;
            long pairs = 0, until = Stopwatch.GetTimestamp() + (BenchSeconds * Stopwatch.Frequency);
            while (Stopwatch.GetTimestamp() < until)
            {
                long start = Stopwatch.GetTimestamp();
                DmaMapping mapping = Map();
                double map = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
                start = Stopwatch.GetTimestamp();
                mapping.Dispose();
                double unmap = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
                (maps, mapSquares) = (maps + map, mapSquares + (map * map));
                (unmaps, unmapSquares) = (unmaps + unmap, unmapSquares + (unmap * unmap));
                pairs++;
            }

            Console.Error.WriteLine(
                $"dma mapping benchmark: threads:1 seconds:{BenchSeconds} node:-1 dir:TO_DEVICE granule:1 ({policy})");
            Say("map", maps / pairs, mapSquares / pairs);
            Say("unmap", unmaps / pairs, unmapSquares / pairs);
        }

        public void Dispose()
        {
            foreach (DmaMapping mapping in _live) mapping.Dispose();
            _pool.Dispose();
            _port.Dispose();
            _device.Dispose();
            _memory.Dispose();
        }

        private static void Say(string what, double mean, double squares) =>
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"average {what} latency(us):{mean:0.0} standard deviation:{Math.Sqrt(squares - (mean * mean)):0.0}"));

        private DmaMapping Map() =>
            _device.Map(_memory, 0, Page, DmaDirection.ToDevice, out DmaMapping mapping) == IommuStatus.Ok
                ? mapping
                : throw new InvalidOperationException("The page was not mapped.");
    }
}
