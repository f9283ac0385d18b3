using Ioasis.Cli.Demo;
using Ioasis.Client;
using Ioasis.Core.Domains;
using Ioasis.Machine.Description;
using Ioasis.Memory;

namespace Ioasis.Tests.Cli;

/// <summary>The demo succeeds where all is as it must be, and only there.</summary>
public sealed class DemoTests
{
    private static readonly Iova s_source = new(0x10_0000), s_target = new(0x20_0000), s_nowhere = new(0x30_0000);

    [Fact]
    public void ItProvesWhatItSaysWithoutColoursInAPipe()
    {
        (int code, string output) = Run(MachineDescription.Default);
        Assert.Equal(0, code);
        Assert.Contains("Proved, by 13 checks", output, StringComparison.Ordinal);
        Assert.Contains("IOVA 0x100000 -> HVA 0x", output, StringComparison.Ordinal);
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
    [InlineData(7)]
    public void AStepThatGoesWrongIsSeen(int step)
    {
        (int code, string output) = Run(MachineDescription.Default, (at, ioas) =>
        {
            if (at != step) return;
            UserMemory other = ioas.Context.Nodes.Allocate(4096);
            switch (step)
            {
                case 2: ioas.Map(other, at: s_source); break; // the demo's own map is refused
                case 3: Move(ioas, other, s_source, MapAccess.Read); break; // it reads something else
                case 4: Move(ioas, other, s_target, MapAccess.ReadWrite); break; // it writes something else
                case 5: Move(ioas, other, s_source, MapAccess.ReadWrite); break; // the write is permitted
                case 6: ioas.Map(other, at: s_nowhere); break; // the read finds something
                case 7: ioas.Map(other, at: s_target); break; // the unmapped address is mapped again
            }
        });
        Assert.Equal(1, code);
        Assert.Contains("NOT", output, StringComparison.Ordinal);
        Assert.Contains("Not proved", output, StringComparison.Ordinal);
    }

    private static void Move(Ioas ioas, UserMemory other, Iova at, MapAccess access)
    {
        ioas.Unmap(at, 4096);
        ioas.Map(other, access, at);
    }

    private static (int Code, string Output) Run(MachineDescription machine, Action<int, Ioas>? beforeStep = null)
    {
        using var output = new StringWriter { NewLine = "\n" };
        int code = new DemoRun(output, color: false) { BeforeStep = beforeStep }.Run(machine);
        return (code, output.ToString());
    }
}
