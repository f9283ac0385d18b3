using Ioasis.Core.Dma;

namespace Ioasis.Bench;

/// <summary>
/// Two engines of a device that translate at the same time in one domain: the cost of an access for each, compared with
/// one engine alone. Ideally they are equal, as in C, where the threads share nothing.
/// </summary>
internal static class ThreadsBenchmark
{
    private const double Slowdown = 2 / 1.8; // two threads do 1.8 times the work of one
    private const int Pages = 64;

    internal static IEnumerable<Comparison> Run(int rounds)
    {
        string threads = Baselines.Program("threads");
        using var bench = new DmaBenchmark.Reader(Pages);
        Loop.Warm(bench.Locate);
        List<double> one = [], two = [], theirOne = [], theirTwo = [];
        for (int round = 0; round < rounds; round++)
        {
            one.Add(Loop.Best(bench.Locate));
            two.Add(Together(bench));
            Dictionary<string, double> theirs = Baselines.Measure(threads);
            theirOne.Add(theirs["one thread"]);
            theirTwo.Add(theirs["each of two threads"]);
        }

        yield return new Comparison("translation by each of two threads", Series.Of(two), "ours by one thread",
            Series.Of(one))
        { Target = Slowdown };
        yield return new Comparison("the same in C", Series.Of(theirTwo), "one thread in C", Series.Of(theirOne));
    }

    private static double Together(DmaBenchmark.Reader bench)
    {
        using var barrier = new Barrier(2);
        double[] best = new double[2];
        Thread[] threads = [.. Enumerable.Range(0, best.Length).Select(i => new Thread(() =>
        {
            using DmaPort port = bench.Endpoint.OpenPort();
            barrier.SignalAndWait();
            best[i] = Loop.Best(n => bench.Locate(port, n));
        }))];
        foreach (Thread thread in threads) thread.Start();
        foreach (Thread thread in threads) thread.Join();
        return best.Max();
    }
}
