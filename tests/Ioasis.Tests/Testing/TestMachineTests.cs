using Ioasis.Client;
using Ioasis.Core.Faults;
using Ioasis.Diagnostics.Check;
using Ioasis.Memory;
using Ioasis.Testing;

namespace Ioasis.Tests.Testing;

/// <summary>The machine of a test: mistakes of the program fail the test, and the trace says what happened.</summary>
public sealed class TestMachineTests
{
    private static readonly Iova s_unmapped = new(0x5000);

    [Fact]
    public void AMistakeFailsTheTest()
    {
        var test = TestMachine.Create(m => m.With("dmatest"));
        Read(test, s_unmapped);
        Assert.Equal((s_unmapped, FaultReason.NotMapped), test.Faults.Select(f => (f.Address, f.Reason)).Single());
        FindingsException failure = Assert.Throws<FindingsException>(test.Dispose);
        Assert.Contains("dma-unmapped", failure.Findings, StringComparison.Ordinal);
        Assert.Equal(1, test.FindingCount);
        Assert.Contains("IOMMU_IOAS_ALLOC", test.Trace, StringComparison.Ordinal);
        test.Dispose(); // once
    }

    [Fact]
    public void AnExpectedMistakeIsNone()
    {
        using var test = TestMachine.Create(m => m.With("dmatest"), CheckKind.DmaUnmapped);
        Read(test, s_unmapped);
        Assert.Single(test.Faults);
    }

    [Fact]
    public void ATestCanLookAtTheFindingsItself()
    {
        using var test = TestMachine.Create(m => m.With("dmatest"));
        Read(test, s_unmapped);
        test.Finish();
        Assert.Contains("0x5000", test.Findings, StringComparison.Ordinal);
    }

    [Fact]
    public void AProgramWithoutMistakesPasses()
    {
        using var test = TestMachine.Create(m => m.With("dmatest"));
        Read(test, null);
        Assert.Empty(test.Faults);
    }

    /// <summary>The device reads memory: a page of its own, or an address.</summary>
    private static void Read(TestMachine test, Iova? address)
    {
        using IommuContext context = IommuContext.Open(test.Nodes);
        using VfioDevice device = VfioDevice.Open(test.Nodes, test.Machine.Devices[0].Requester);
        device.Bind(context);
        using Ioas ioas = context.AllocateIoas();
        device.Attach(ioas);
        device.EnableBusMaster();
        using UserMemory memory = test.Nodes.Allocate(4096);
        using IoasMapping mapping = ioas.CreateMapping(memory);
        VfioRegion registers = device.GetRegion(0);
        registers.Write(0x00, (address ?? mapping.Address).Value);
        registers.Write(0x08, 3u);
        Until.True(() => (registers.Read<uint>(0x08) & 1) == 0);
        device.Detach();
    }
}
