namespace Ioasis.EndToEnd;

/// <summary>What is asked to go wrong goes wrong in the view of an unmodified program, and is shown.</summary>
public sealed class InjectionTests(Workbench bench)
{
    [Theory]
    [InlineData("call", "IOMMU_IOAS_MAP:error=ENOMEM:when=2", "ENOMEM (INJECTED)")]
    [InlineData("dma:fault", "dma:fault:when=2", "inject fault=dma:fault device=0000:07:00.0")]
    [InlineData("dma:delay", "dma:delay:delay=200ms", "inject fault=dma:delay device=0000:07:00.0")]
    [InlineData("irq", "irq:lost:when=3 irq:doubled:when=5", "inject fault=irq:doubled device=0000:07:00.0")]
    [InlineData("device:surprise-reset", "device:surprise-reset:when=3:device=0000:07:00.0",
        "inject fault=device:surprise-reset device=0000:07:00.0")]
    [InlineData("device:gone", "device:gone:when=2", "inject fault=device:gone device=0000:07:00.0")]
    [InlineData("inv", "inv:dropped:when=1 inv:slow:delay=200ms:when=2", "inject fault=inv:dropped")]
    [InlineData("prq:overflow", "prq:overflow:when=1", "inject fault=prq:overflow device=0000:07:00.0")]
    [InlineData("pasid:exhausted", "pasid:exhausted:when=2", "inject fault=pasid:exhausted")]
    public async Task Each_fault_is_met_by_a_program_and_shown_in_the_trace(string word, string rules, string shown)
    {
        string[] options = [.. rules.Split(' ').SelectMany(r => new[] { "-e", $"inject={r}" })];
        string[] machine = ["--device", $"dmatest@{Machine.DmaTest}"],
            program = ["--", bench.Client("injected"), word, Machine.DmaTest];
        (await Execution.Run([bench.Launcher(Who.Self), "run", .. machine, .. options, .. program]))
            .MustEnd().MustSay($"injected {word}: all as it must be");
        // The trace says it, also where it was asked for something else.
        string file = Path.Combine(await bench.Scratch(Who.Nobody), "trace");
        (await Execution.Run([.. Workbench.As(Who.Nobody), bench.Launcher(Who.Nobody), "trace", "-o", file, "-e",
            "trace=iommu", .. machine, .. options, .. program])).MustEnd();
        Assert.Contains(shown, await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken),
            StringComparison.Ordinal);
        // Without the rules the program says that it met nothing.
        Assert.NotEqual(0, (await Execution.Run([bench.Launcher(Who.Self), "run", .. machine, .. program])).Code);
    }

    [Fact]
    public async Task A_device_that_there_is_not_is_one_sentence()
    {
        Ending ending = (await Execution.Run([bench.Launcher(Who.Self), "run", "-e",
            "inject=dma:fault:device=0000:09:00.0", "--", "true"])).MustEnd(2);
        Assert.Equal(
            "ioasis: inject: there is no device \"0000:09:00.0\"; expected one of: 1000:00:03.0, 1000:00:04.0.",
            ending.Error.Trim());
    }
}
