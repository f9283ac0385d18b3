using Ioasis.Core.Domains;
using Ioasis.Core.Observation;
using Ioasis.Diagnostics.Trace;
using Ioasis.Memory;
using Stopwatch = System.Diagnostics.Stopwatch;

namespace Ioasis.Bench;

/// <summary>
/// What watching costs. A call of a program that is traced into a file, or checked, compared with the same call under
/// <c>ioasis run</c> alone. An event in a trace, from its telling until the file has its line. And an access of a
/// device while metrics are on.
/// </summary>
internal static class WatchBenchmark
{
    private const double Traced = 1.3, Checked = 2;
    private const double Written = 1000; // 10^6 events a second
    private const int Events = 100_000; // fewer than a trace keeps until they are written
    private const int Repeats = 7;

    internal static IEnumerable<Comparison> Run(int rounds)
    {
        string launcher = Path.Combine(Baselines.Root, "ioasis"), roundtrip = Baselines.Program("roundtrip");
        string file = Path.GetTempFileName();
        try
        {
            List<double> run = [], trace = [], check = [];
            for (int round = 0; round < rounds; round++)
            {
                run.Add(Baselines.Measure(launcher, "run", "--", roundtrip).Values.Single());
                trace.Add(Baselines.Measure(launcher, "trace", "-o", file, "--", roundtrip).Values.Single());
                check.Add(Baselines.Measure(launcher, "run", "--check", "--", roundtrip).Values.Single());
            }

            yield return new Comparison("ioctl under trace -o", Series.Of(trace), "under run", Series.Of(run))
            {
                Target = Traced,
            };
            yield return new Comparison("ioctl under run --check", Series.Of(check), "under run", Series.Of(run))
            {
                Target = Checked,
            };
            yield return Lines(rounds, file);
            yield return Metered(rounds);
        }
        finally { File.Delete(file); }
    }

    /// <summary>A device's access that its IOTLB serves, while metrics are on and while they are off.</summary>
    private static Comparison Metered(int rounds)
    {
        using var bench = new DmaBenchmark.Reader(pages: 64);
        Observers observers = bench.Endpoint.Observers;
        var meter = new Meter();
        List<double> metered = [], fast = [];
        for (int round = 0; round < rounds; round++)
        {
            Loop.Warm(bench.Read);
            fast.Add(Loop.Best(bench.Read));
            observers.Add(meter);
            Loop.Warm(bench.Read);
            metered.Add(Loop.Best(bench.Read));
            observers.Remove(meter);
        }

        return new Comparison("port.Read of 64 bytes, hit, with --metrics", Series.Of(metered), "without",
            Series.Of(fast));
    }

    private static Comparison Lines(int rounds, string file)
    {
        List<double> ours = [], theirs = [];
        for (int round = 0; round < rounds; round++)
        {
            ours.Add(Enumerable.Range(0, Repeats).Min(_ => Trace(file)));
            theirs.Add(Baselines.Measure(Baselines.Program("lines"), file).Values.Single());
        }

        return new Comparison("an event in a trace's file", Series.Of(ours), "fprintf of its line", Series.Of(theirs))
        {
            Limit = Written,
        };
    }

    private static double Trace(string file)
    {
        var observers = new Observers();
        var space = new object();
        long began = Stopwatch.GetTimestamp();
        using (var output = new StreamWriter(file))
        using (new Tracer(observers, _ => "", new TraceOptions { Words = "map" }, output))
        {
            for (ulong i = 0; i < Events; i++)
            {
                var range = new IovaRange(i << 12, (i << 12) + 4095);
                observers.Tell(new MapEvent(observers.Stamp(), space, range, MapAccess.ReadWrite,
                    new MappedMemory(space, 0x7f0f_5b3c_2000 + (i << 12), IsFile: false)));
            }
        }

        double each = Stopwatch.GetElapsedTime(began).TotalNanoseconds / Events;
        int lines = File.ReadLines(file).Count();
        return lines == Events
            ? each
            : throw new InvalidOperationException($"The trace has {lines} lines, not {Events}.");
    }

    /// <summary>Wants accesses counted, as metrics do.</summary>
    private sealed class Meter : MachineObserver
    {
        public override EventKinds Kinds => EventKinds.AccessCounts;
    }
}
