namespace Ioasis.Bench;

/// <summary>
/// One ioctl of an unmodified program under <c>ioasis run</c>. Baseline: the same call, answered by the smallest
/// supervisor in C.
/// </summary>
internal static class IoctlBenchmark
{
    internal static Comparison Run(int rounds)
    {
        string roundtrip = Baselines.Program("roundtrip"), supervisor = Baselines.Program("supervisor");
        List<double> ours = [], theirs = [];
        for (int round = 0; round < rounds; round++)
        {
            ours.Add(Baselines.Measure(Path.Combine(Baselines.Root, "ioasis"), "run", "--", roundtrip).Values.Single());
            theirs.Add(Baselines.Measure(supervisor, roundtrip).Values.Single());
        }

        return new Comparison("ioctl round trip under run", Series.Of(ours), "a minimal supervisor in C",
            Series.Of(theirs))
        { Target = 1.2 };
    }
}
