using System.Globalization;
using Ioasis.Client;
using Ioasis.Core.Domains;
using Ioasis.Core.Faults;
using Ioasis.Diagnostics.Check;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Memory;
using Ioasis.Memory.Threads;
using Ioasis.Scenes;

namespace Ioasis.Tests.Diagnostics;

/// <summary>A mistake of a program is reported once, with its calls, and a right program is not reported.</summary>
public sealed class CheckerTests : IDisposable
{
    private static readonly RequesterId s_function = new(0x1000, 0, 4, 0); // a dmatest
    private static readonly Iova s_iova = new(0x20_0000);

    private readonly SoftwareMachine _machine = SoftwareMachine.Create(MachineDescription.Default);
    private readonly NodeTransport _nodes;
    private readonly StringWriter _output = new(CultureInfo.InvariantCulture);

    public CheckerTests() => _nodes = NodeTransport.InProcess(_machine);

    public void Dispose()
    {
        _nodes.Dispose();
        _machine.Dispose();
        _output.Dispose();
    }

    [Fact]
    public void DmaAfterAnUnmapIsReportedWithTheCallsThatMappedAndUnmapped()
    {
        (int found, string[] lines) = Check(new CheckOptions(), (ioas, device) =>
        {
            ioas.Unmap(s_iova, 4096);
            device.WriteMemory(s_iova);
            device.WriteMemory(s_iova); // the same mistake
        });
        Assert.Equal(1, found);
        Assert.Equal(FindingText.Rule, lines[0]);
        Assert.Equal($"=={Environment.ProcessId}==ERROR: Ioasis: dma-after-unmap: write at IOVA 0x200000 by "
            + $"{s_function} (no PASID, HWPT 3 of IOAS 2)", lines[1]);
        Assert.Matches("^0x200000 is at offset 0x0 of the mapping 0x200000-0x200fff rw of memory at 0x[0-9a-f]+, which "
            + @"was unmapped [0-9.]+ ms before in ioctl\(IOMMU_IOAS_UNMAP\), call [0-9]+:$", lines[2]);
        Assert.Equal("    #0 a_frame first.c:7", lines[3]);
        Assert.Matches(@"^mapped in ioctl\(IOMMU_IOAS_MAP\), call [0-9]+:$", lines[4]);
        Assert.Matches(@"^started by a write of 0x1 to BAR0\+0x8, seen [0-9.]+ ms before", lines[6]);
        Assert.Contains("Hint: The device still uses the address: reset or drain it before the unmap.", lines);
        Assert.Equal("SUMMARY: Ioasis: dma-after-unmap #0 a_frame first.c:7", lines[^2]);
        Assert.Equal($"=={Environment.ProcessId}==Ioasis: 1 finding", lines[^1]);
    }

    [Fact]
    public void ARightProgramIsNotReportedAndNothingIsOpened()
    {
        (int found, string[] lines) = Check(new CheckOptions(), (ioas, device) =>
        {
            Assert.Equal(FaultReason.None, device.WriteMemory(s_iova));
            ioas.Unmap(s_iova, 4096);
        });
        Assert.Equal(0, found);
        Assert.Empty(lines);
    }

    [Fact]
    public void DmaOutsideAMappingNamesTheNearestMapping()
    {
        (_, string[] lines) = Check(new CheckOptions(), (_, device) => device.ReadMemory(new Iova(0x20_1010)));
        Assert.Contains("ERROR: Ioasis: dma-unmapped: read at IOVA 0x201010", lines[1], StringComparison.Ordinal);
        Assert.StartsWith("0x201010 is 16 bytes after the mapping 0x200000-0x200fff rw ", lines[2],
            StringComparison.Ordinal);
    }

    [Fact]
    public void WhatIsSuppressedOrSwitchedOffIsNotReported()
    {
        (int found, string[] lines) = Check(new CheckOptions(), Unmapped, Suppressions.Read(
            ["# a comment", "", "dma-after-unmap:IOVA", "dma-unmapped:^==*IOVA 0x300000*no PASID"]));
        Assert.Equal((0, 0), (found, lines.Length));
        (found, lines) = Check(new CheckOptions(), Unmapped, Suppressions.Read(["dma-unmapped:IOVA 0x30000$"]));
        Assert.Equal(1, found);
        (found, _) = Check(new CheckOptions().With(CheckKind.DmaUnmapped, false), Unmapped);
        Assert.Equal(0, found);

        static void Unmapped(Ioas ioas, DemoDevice device) => device.ReadMemory(new Iova(0x30_0000));
    }

    [Fact]
    public void FurtherFindingsAreCountedAndTheFirstOneHaltsIfThatIsAskedFor()
    {
        int halts = 0;
        (int found, string[] lines) = Check(new CheckOptions { Most = 1, HaltOnError = true }, (_, device) =>
        {
            device.ReadMemory(new Iova(0x30_0000));
            device.ReadMemory(new Iova(0x40_0000));
        }, halt: () => halts++);
        Assert.Equal((2, 2), (found, halts));
        Assert.Single(lines, FindingText.Rule);
        Assert.Equal($"=={Environment.ProcessId}==Ioasis: 2 findings, 1 of them not reported", lines[^1]);
    }

    [Fact]
    public void AReportThatCannotBeWrittenHarmsNothing()
    {
        List<string> told = [];
        HostMessages.Listener = told.Add;
        using var checker = new Checker(_machine.Observers, e => e.Id.ToString(), new CheckOptions(),
            Suppressions.None, () => throw new IOException("no space"));
        Work((_, device) => device.ReadMemory(new Iova(0x30_0000)));
        checker.Dispose();
        HostMessages.Listener = null;
        Assert.Equal(1, checker.Found);
        Assert.Equal(["findings cannot be written: no space"], told);
    }

    [Theory]
    [InlineData("exitcode=300", "exitcode cannot be \"300\"")]
    [InlineData("halt_on_error=maybe", "halt_on_error cannot be \"maybe\"")]
    [InlineData("dma-unmapped=7", "dma-unmapped cannot be \"7\"")]
    [InlineData("colour=1", "there is no option \"colour\"; help=1 lists all")]
    [InlineData("min_linux=new", "min_linux cannot be \"new\"")]
    [InlineData("exitcode", "\"exitcode\" is no option such as exitcode=1")]
    public void AWrongOptionIsToldInASentence(string text, string sentence) =>
        Assert.Equal(sentence, CheckOptions.TryRead(text, out _));

    [Fact]
    public void OptionsAreReadAsAddressSanitizersAre()
    {
        Assert.Null(CheckOptions.TryRead(
            "exitcode=7:log_path=/tmp/x:halt_on_error=1:suppressions=/tmp/s:dma-unmapped=0:max_reports=5",
            out CheckOptions read));
        Assert.Equal((7, "/tmp/x", true, "/tmp/s", 5),
            (read.ExitCode, read.LogPath, read.HaltOnError, read.SuppressionFile, read.Most));
        Assert.False(read.Has(CheckKind.DmaUnmapped));
        Assert.True(read.Has(CheckKind.DmaAfterUnmap));
        Assert.Null(CheckOptions.TryRead("min_linux=6.8", out read));
        Assert.True(read.Has(CheckKind.NewerUapi));
        Assert.Null(CheckOptions.TryRead(null, out CheckOptions defaults));
        Assert.True(defaults.Has(CheckKind.DmaUnmapped));
        Assert.Equal(99, defaults.ExitCode);
    }

    [Theory]
    [InlineData("dma-unmapped", "line 1: \"dma-unmapped\" is no suppression such as dma-unmapped:warm_up")]
    [InlineData("dma:x", "line 1: there is no kind of finding \"dma\"")]
    public void AWrongSuppressionIsToldInASentence(string line, string sentence) =>
        Assert.Equal(sentence, Assert.Throws<FormatException>(() => Suppressions.Read([line])).Message);

    [Fact]
    public void AMappingThatIsCutKeepsItsCallsAndTheQuarantineForgetsTheOldest()
    {
        var space = new SpaceHistory();
        space.Add(Known(new IovaRange(0x1000, 0x4fff), 0x70_1000));
        space.Remove(new IovaRange(0x2000, 0x2fff), null, 5);
        Assert.Null(space.Find(0x2000));
        Assert.Equal(0x70_1000ul, space.Find(0x1fff)!.Address);
        Assert.Equal((0x3000ul, 0x70_3000ul), (space.Find(0x4fff)!.Range.First, space.Find(0x4fff)!.Address));
        Assert.Equal((0x70_2000ul, 5), (space.FindUnmapped(0x2fff)!.Address, space.FindUnmapped(0x2fff)!.UnmappedAt));
        Assert.Null(space.FindUnmapped(0x3000));
        Assert.Equal(0x1000ul, space.Nearest(0x2100)!.Range.First);
        Assert.Equal(0x3000ul, space.Nearest(0x2f00)!.Range.First);
        for (ulong i = 0; i < 1024; i++)
        {
            var one = new IovaRange(0x10_0000 + (i * 0x1000), 0x10_0fff + (i * 0x1000));
            space.Add(Known(one, 0));
            space.Remove(one, null, 6);
        }

        Assert.Null(space.FindUnmapped(0x2fff));
        Assert.NotNull(space.FindUnmapped(0x10_0000));
    }

    private static KnownMap Known(IovaRange range, ulong address) =>
        new(range, MapAccess.Read, address, false, null);

    private (int Found, string[] Lines) Check(CheckOptions options, Action<Ioas, DemoDevice> program,
        Suppressions? suppressions = null, Action? halt = null)
    {
        _output.GetStringBuilder().Clear();
        using var checker = new Checker(_machine.Observers, e => e.Id.ToString(), options,
            suppressions ?? Suppressions.None, () => _output, halt)
        {
            Stacks = new OneFrame(),
        };
        Work(program);
        checker.Dispose();
        return (checker.Found, _output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    private void Work(Action<Ioas, DemoDevice> program)
    {
        using IommuContext iommu = IommuContext.Open(_nodes);
        using VfioDevice device = VfioDevice.Open(_nodes, s_function);
        device.Bind(iommu);
        using Ioas ioas = iommu.AllocateIoas();
        device.Attach(ioas);
        device.EnableBusMaster();
        var engine = new DemoDevice(device);
        using UserMemory memory = _nodes.Allocate(4096);
        ioas.Map(memory, MapAccess.ReadWrite, s_iova);
        program(ioas, engine);
    }

    private sealed class OneFrame : ICallStacks
    {
        public string? Of(long call) => "#0 a_frame first.c:7\n";
    }
}
