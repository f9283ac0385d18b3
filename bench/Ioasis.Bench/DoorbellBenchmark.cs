namespace Ioasis.Bench;

/// <summary>
/// How fast a device under <c>ioasis run</c> answers a store to its mapped BAR, which only polling can see. Baseline:
/// two calls, which are intercepted. Medians.
/// </summary>
internal static class DoorbellBenchmark
{
    private const double Busy = 50_000;
    private static readonly int[] s_gaps = [0, 100, 1000, 5000, 100_000]; // microseconds

    internal static IEnumerable<Comparison> Run(int rounds)
    {
        string doorbell = Baselines.Program("doorbell");
        string[] arguments = ["run", "--", doorbell, "1000:00:03.0", .. s_gaps.Select(gap => $"{gap}")];
        List<Dictionary<string, double>> measured = [];
        for (int round = 0; round < rounds; round++)
            measured.Add(Baselines.Measure(Path.Combine(Baselines.Root, "ioasis"), arguments));
        foreach (int gap in s_gaps)
        {
            string after = $", {gap} us after the last";
            foreach (string what in (string[])["a store, seen", "a store, interrupted"])
            {
                yield return new Comparison(
                    what + after, Series.Of(measured.Select(figures => figures[what + after])),
                    "two calls", Series.Of(measured.Select(figures => figures["two calls" + after])))
                { Limit = gap <= 1000 ? Busy : null };
            }
        }
    }
}
