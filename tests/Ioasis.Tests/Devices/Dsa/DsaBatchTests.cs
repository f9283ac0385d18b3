using Ioasis.Devices.Dsa;

namespace Ioasis.Tests.Devices.Dsa;

/// <summary>Batches: their order, their fences, and what their record says.</summary>
public sealed class DsaBatchTests : IDisposable
{
    private const ulong List = DsaBench.Base + 0x8000;
    private readonly DsaBench _bench = new DsaBench().Started();

    public void Dispose() => _bench.Dispose();

    [Fact]
    public void ABatchDoesItsDescriptorsInOrder()
    {
        _bench.Memory.Write(0, 0x1122334455667788ul);
        _bench.Write(List, [.. Enumerable.Range(0, 20).Select(i => Move(i))]);
        DsaCompletionRecord record = Run(20);
        Assert.Equal(((byte)DsaStatus.Success, 20u), (record.Status, record.BytesCompleted));
        // each moved on what the one before it wrote
        Assert.Equal(0x1122334455667788ul, _bench.Memory.Read<ulong>(20 * 8));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AFenceStopsABatchOfWhichAnythingFailed(bool failed)
    {
        DsaDescriptor[] list = [.. Enumerable.Range(0, 6).Select(i => Move(i))];
        if (failed) list[1].SrcAddr = 0x900000;
        list[4].FlagsAndOpcode |= (uint)DsaFlags.Fence;
        _bench.Memory.Write(0, 5ul);
        _bench.Write(List, list);
        DsaCompletionRecord record = Run(6);
        Assert.Equal(failed ? ((byte)DsaStatus.BatchFail, 4u) : ((byte)DsaStatus.Success, 6u),
            (record.Status, record.BytesCompleted));
        Assert.Equal(failed ? 0 : 5ul, _bench.Memory.Read<ulong>(6 * 8));
    }

    [Fact]
    public void ABatchGoesOnWithoutAFence()
    {
        DsaDescriptor[] list = [Move(0) with { XferSize = 0 }, Move(8), _bench.New(DsaOpcode.Batch, 1),
            _bench.New(DsaOpcode.Noop, 2)];
        _bench.Memory.Write(64, 3ul);
        _bench.Write(List, list);
        DsaCompletionRecord record = Run(4);
        Assert.Equal(((byte)DsaStatus.BatchFail, 4u), (record.Status, record.BytesCompleted));
        Assert.Equal(3ul, _bench.Memory.Read<ulong>(72));
        // no batch in a batch
        Assert.Equal(((byte)DsaStatus.BadOpcode, (byte)DsaStatus.Success),
            (_bench.Record(1).Status, _bench.Record(2).Status));
    }

    [Fact]
    public void AListThatCannotBeReadSaysHowFarItWas()
    {
        const ulong End = DsaBench.Base + DsaBench.Size;
        _bench.Write(DsaBench.Records + 0xf00, [.. Enumerable.Range(0, 4).Select(_ => Move(0))]);
        DsaCompletionRecord record =
            _bench.Run(_bench.New(DsaOpcode.Batch) with { DescListAddr = DsaBench.Records + 0xf00, DescCount = 6 });
        Assert.Equal(((byte)DsaStatus.BatchPageFault, 4u, End),
            (record.Status, record.BytesCompleted, record.FaultAddr));
    }

    [Theory]
    [InlineData(1u, 0u, (byte)DsaStatus.DescCntErange)]
    [InlineData(33u, 0u, (byte)DsaStatus.DescCntErange)]
    [InlineData(2u, 32u, (byte)DsaStatus.DesclistAlign)]
    public void ABatchIsChecked(uint count, uint offset, byte status) =>
        Assert.Equal(status, _bench.Run(
            _bench.New(DsaOpcode.Batch) with { DescListAddr = List + offset, DescCount = count }).Status);

    [Theory]
    [InlineData(0x06, 0x0080u, 0u, 0u, 8u, (byte)DsaStatus.SuccessPred)] // it is not the pattern, and 0 was expected
    [InlineData(0x03, 0x0001u, 0u, 0u, 8u, (byte)DsaStatus.InvalidFlags)]  // a fence outside of a batch
    [InlineData(0x03, 0x0002u, 0u, 0u, 8u, (byte)DsaStatus.InvalidFlags)]  // the queue does not block on faults
    [InlineData(0x03, 0x0080u, 0u, 0u, 8u, (byte)DsaStatus.InvalidFlags)]
    [InlineData(0x03, 0u, 0x100000u, 0u, 8u, (byte)DsaStatus.NozeroReserve)]
    [InlineData(0x03, 0u, 0u, 0u, 0u, (byte)DsaStatus.XferErange)]
    [InlineData(0x03, 0u, 0u, 0u, 0x200001u, (byte)DsaStatus.XferErange)]
    [InlineData(0x03, 0x0010u, 0u, 9u, 8u, (byte)DsaStatus.IntHandleInval)]
    [InlineData(0x11, 0u, 0u, 0u, 8u, (byte)DsaStatus.BadOpcode)]
    [InlineData(0xff, 0u, 0u, 0u, 8u, (byte)DsaStatus.BadOpcode)]
    public void ADescriptorIsChecked(int opcode, uint flags, uint requester, uint handle, uint size, byte status)
    {
        DsaDescriptor descriptor = _bench.New((DsaOpcode)opcode, flags: (DsaFlags)flags) with
        {
            Requester = requester,
            IntHandle = (ushort)handle,
            SrcAddr = DsaBench.Base,
            DstAddr = DsaBench.Base + 64,
            XferSize = size,
        };
        DsaCompletionRecord record = _bench.Run(descriptor);
        Assert.Equal(status, record.Status);
        if (status == (byte)DsaStatus.InvalidFlags) Assert.Equal(flags, record.InvalidFlags);
    }

    [Fact]
    public void AnInterruptComesAfterTheRecord()
    {
        _bench.Submit(_bench.New(DsaOpcode.Noop, flags: DsaFlags.RequestInterrupt) with { IntHandle = 3 });
        SlotBench.Until(() => _bench.Slots.Messages == 1);
        Assert.True(_bench.IsDone());
        Assert.Equal(3, _bench.Slots.LastVector);
        _bench.Slots.Slot.Write(0, 0x700 + (3 * 8), 4, (5 << 12) | 8); // the vector is PASID 5's now
        Assert.Equal((byte)DsaStatus.IntHandleInval,
            _bench.Run(_bench.New(DsaOpcode.Noop, flags: DsaFlags.RequestInterrupt) with { IntHandle = 3 }).Status);
    }

    /// <summary>Eight bytes from place to place + 1, without a record.</summary>
    private static DsaDescriptor Move(int place) => new()
    {
        FlagsAndOpcode = (uint)DsaOpcode.Memmove << 24,
        SrcAddr = DsaBench.Base + ((ulong)place * 8),
        DstAddr = DsaBench.Base + ((ulong)(place + 1) * 8),
        XferSize = 8,
    };

    private DsaCompletionRecord Run(uint count) =>
        _bench.Run(_bench.New(DsaOpcode.Batch) with { DescListAddr = List, DescCount = count });
}
