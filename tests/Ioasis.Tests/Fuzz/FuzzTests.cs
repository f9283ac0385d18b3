using System.Diagnostics;
using System.Globalization;

namespace Ioasis.Tests.Fuzz;

/// <summary>
/// Invariants 4, 6 and 8: nothing that a program's threads do together can throw, hang or stay behind. With
/// IOASIS_FUZZ_SECONDS seeds are played for as long, from IOASIS_FUZZ_SEED on.
/// </summary>
public sealed class FuzzTests(ITestOutputHelper output)
{
    private const int Threads = 4, CallsPerThread = 100_000;

    /// <summary>About a minute's worth.</summary>
    public static TheoryData<int, int> Seeds =>
        new(Enumerable.Range(1, 20).Select(seed => (seed, seed == 1 ? 1 : Threads)));

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task RandomCallsFromSeveralThreadsAreAnsweredAndGiveEverythingBack(int seed, int threads)
    {
        using var run = new FuzzRun(seed, threads);
        await run.PlayAsync(CallsPerThread);
        (long all, long succeeded) = run.Calls;
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"seed {seed}: {all} calls, {succeeded} succeeded, {run.Asked} page requests answered\n{run.Answers}"));
        Assert.InRange(succeeded, all / 10, all);
        Assert.NotEqual(0, run.Asked);
    }

    [Fact]
    public async Task ForAsLongAsAsked()
    {
        if (!int.TryParse(Environment.GetEnvironmentVariable("IOASIS_FUZZ_SECONDS"), CultureInfo.InvariantCulture,
            out int seconds)) Assert.Skip("IOASIS_FUZZ_SECONDS is not set");
        if (!int.TryParse(Environment.GetEnvironmentVariable("IOASIS_FUZZ_SEED"), CultureInfo.InvariantCulture,
            out int seed)) seed = 1000;
        for (var time = Stopwatch.StartNew(); time.Elapsed.TotalSeconds < seconds; seed++)
        {
            using var run = new FuzzRun(seed, 2 + (seed % 5));
            await run.PlayAsync(CallsPerThread);
            Console.Error.WriteLine(string.Create(
                    CultureInfo.InvariantCulture, $"seed {seed}: {run.Calls} at {time.Elapsed.TotalSeconds:f0} s"));
        }
    }
}
