namespace Ioasis.EndToEnd;

/// <summary>
/// Mistakes of unmodified programs are found by <c>run --check</c>, and right programs are left alone.
/// </summary>
public sealed class CheckTests(Workbench bench)
{
    private static readonly string[] s_mistakes =
    [
        "dma-unmapped", "dma-after-unmap", "dma-after-detach", "dma-no-permission", "dma-into-freed-memory",
        "dma-no-bus-master",
    ];

    public static IEnumerable<TheoryDataRow<Who, string>> Mistakes =>
        from who in Enum.GetValues<Who>()
        from mistake in s_mistakes
        select new TheoryDataRow<Who, string>(who, mistake);

    [Theory]
    [MemberData(nameof(Mistakes))]
    public async Task A_mistake_is_found_and_the_same_program_without_it_is_right(Who who, string mistake)
    {
        Ending made = (await Check(who, [], mistake)).MustEnd(99).MustSay($"{mistake}: made");
        Assert.Matches($@"(?m)^==[0-9]+==ERROR: Ioasis: {mistake}: ", made.Error);
        Assert.Matches($@"(?m)^SUMMARY: Ioasis: {mistake} by thread [0-9]+ in (ioctl|write)\(.*\), call [0-9]+$",
            made.Error);
        Assert.Matches(@"(?m)^==[0-9]+==Ioasis: 1 finding$", made.Error);
        Assert.Equal("", (await Check(who, [], mistake, "right")).MustEnd().MustSay($"{mistake}: right").Error);
    }

    [Fact]
    public async Task Options_say_what_becomes_of_a_finding()
    {
        string folder = await bench.Scratch(Who.Self), log = Path.Combine(folder, "log");
        string suppressions = Path.Combine(folder, "suppressions");
        Ending logged = await Check(Who.Self, Options($"exitcode=7:log_path={log}"), "dma-unmapped");
        Assert.Equal("", logged.MustEnd(7).Error);
        Assert.Contains("ERROR: Ioasis: dma-unmapped", await File.ReadAllTextAsync(
            Assert.Single(Directory.GetFiles(folder, "log.*"))), StringComparison.Ordinal);
        await File.WriteAllTextAsync(suppressions, "dma-unmapped:0x201000 by *07:00.0\n");
        (await Check(Who.Self, Options($"suppressions={suppressions}"), "dma-unmapped")).MustEnd();
        await File.WriteAllTextAsync(suppressions, "nonsense\n");
        Assert.Contains("line 1: \"nonsense\" is no suppression",
            (await Check(Who.Self, Options($"suppressions={suppressions}"), "dma-unmapped")).MustEnd(2).Error,
            StringComparison.Ordinal);
        (await Check(Who.Self, Options("dma-unmapped=0"), "dma-unmapped")).MustEnd();
        Ending halted = (await Check(Who.Self, Options("halt_on_error=1"), "dma-unmapped", "waits")).MustEnd(99);
        Assert.DoesNotContain("made", halted.Output, StringComparison.Ordinal);

        static Dictionary<string, string> Options(string text) => new() { ["IOASIS_CHECK"] = text };
    }

    private Task<Ending> Check(Who who, Dictionary<string, string> options, params string[] program) => Execution.Run(
        [.. Workbench.As(who), bench.Launcher(who), "run", "--check", "--device", $"dmatest@{Machine.DmaTest}", "--",
            bench.Client("checked"), Machine.DmaTest, .. program], options);
}
