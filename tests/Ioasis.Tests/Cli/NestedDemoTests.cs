using Ioasis.Cli.Demo;
using Ioasis.Client;
using Ioasis.Machine.Description;

namespace Ioasis.Tests.Cli;

/// <summary>The demo of nested translation succeeds where all is as it must be, and only there.</summary>
public sealed class NestedDemoTests
{
    [Fact]
    public void ItProvesWhatItSaysWithoutColoursInAPipe()
    {
        (int code, string output) = Run(MachineDescription.Default);
        Assert.True(code == 0, output);
        Assert.Contains("Proved, by 15 checks", output, StringComparison.Ordinal);
        Assert.DoesNotContain("NOT", output, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', output);
    }

    [Fact]
    public void AMachineWithoutItsDeviceIsAFailure()
    {
        (int code, string output) = Run(MachineDescription.Empty);
        Assert.Equal(1, code);
        Assert.Contains("The machine has no dmatest.", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    public void AStepThatGoesWrongIsSeen(int step)
    {
        (int code, string output) = Run(MachineDescription.Default, (at, memory, nested) =>
        {
            if (at != step) return;
            if (step == 2) memory.Write(0, 0x87UL); // a reserved bit in the root
            else if (step == 5) nested.InvalidateAll(); // what is not kept is not stale
            else memory.Write(2 << 20, 0UL); // the page is another
        });
        Assert.Equal(1, code);
        Assert.Contains("NOT", output, StringComparison.Ordinal);
        Assert.Contains("Not proved", output, StringComparison.Ordinal);
    }

    private static (int Code, string Output) Run(MachineDescription machine, Action<int, UserMemory, NestedHwpt>? beforeStep = null)
    {
        using var output = new StringWriter { NewLine = "\n" };
        int code = new NestedDemo(output, color: false) { BeforeStep = beforeStep }.Run(machine);
        return (code, output.ToString());
    }
}
