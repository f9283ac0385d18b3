using System.Globalization;

namespace Ioasis.EndToEnd;

/// <summary>
/// Programs that do their worst beside one that only wants to be served. For longer, and with another seed:
/// IOASIS_HOSTILE_SECONDS and IOASIS_HOSTILE_SEED.
/// </summary>
[Collection(nameof(Alone))]
public sealed class HostileTests(Workbench bench)
{
    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public async Task Hostile_programs_hold_up_nobody_and_leave_nothing(Who who)
    {
        string seconds = Environment.GetEnvironmentVariable("IOASIS_HOSTILE_SECONDS") ?? "30";
        string seed = Environment.GetEnvironmentVariable("IOASIS_HOSTILE_SEED") ?? $"{(int)who + 1}";
        TimeSpan patience = TimeSpan.FromSeconds(double.Parse(seconds, CultureInfo.InvariantCulture))
            + TimeSpan.FromMinutes(5);
        Ending ending = await Execution.Run(
            bench.UnderIoasis(who, Machine.Devices, bench.Client("hostile"), seed, seconds, Machine.DmaTest),
            patience: patience);
        TestContext.Current.SendDiagnosticMessage(ending.Output);
        ending.MustEnd().MustSay("no byte moved afterwards", "hostile: all as it must be");
    }
}

/// <summary>Tests that say how soon a program is served: no other test takes processors from it meanwhile.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;
