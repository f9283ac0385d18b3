using System.Diagnostics;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Devices;
using Ioasis.Memory;

namespace Ioasis.Tests.Devices;

public sealed class DmaTestDeviceTests : IDisposable
{
    private const uint Start = 1, ToDevice = 3;

    private readonly SlotBench _bench = new(new DmaTestDevice());

    public void Dispose() => _bench.Dispose();

    [Fact]
    public void ACommandCopiesIntoTheBufferAndOutOfIt()
    {
        (_, HostBlock source) = _bench.Map(0x10000, 0x1000, 0x5a);
        (_, HostBlock target) = _bench.Map(0x20000, 0x1000, 0);
        source.Write(0xff8, 0x0123456789abcdefUL);
        Assert.Equal((1u, 0u), Run(0x10000, 4096, ToDevice));
        Assert.Equal(0x0123456789abcdefUL, _bench.Slot.Read(2, 0xff8, 8));
        Assert.Equal(0x5a5a5a5aUL, _bench.Slot.Read(2, 0, 4));
        Assert.Equal((1u, 0u), Run(0x20010, 8, Start));
        Assert.Equal(0x5a5a5a5a5a5a5a5aUL, target.Read<ulong>(0x10));
        Assert.Equal(0ul, target.Read<ulong>(0x18));
        Assert.Equal(2ul, _bench.Slot.Read(0, 0x20, 8));
    }

    [Theory]
    [InlineData(false, 0u)]
    [InlineData(true, 2u)]
    public void ItAsksForPagesFromTheResetOnIfItIsTold(bool pageRequests, uint features)
    {
        var model = new DmaTestDevice(1, pageRequests);
        foreach (PciDeviceModel one in (PciDeviceModel[])[model, model.CreateVirtualFunction()])
        {
            using var bench = new SlotBench(one);
            Assert.Equal(features, bench.Slot.Read(0, 0x30, 4));
            bench.Slot.Write(0, 0x330, 4, 1);
            bench.Slot.Reset();
            Assert.Equal(features, bench.Slot.Read(0, 0x330, 4));
        }
    }

    [Fact]
    public void AFaultTellsItsReasonAndLeavesABusMasterRecord()
    {
        _bench.Map(0x10000, 0x1000, 1, MapAccess.Read);
        Assert.Equal((2u, (uint)FaultReason.NoPermission), Run(0x10000, 64, Start));
        Assert.Equal((2u, (uint)FaultReason.NotMapped), Run(0x30000, 64, ToDevice));
        Assert.Equal((2u, (uint)FaultReason.BeyondAddressWidth), Run(1UL << 50, 64, ToDevice));
        Assert.Equal((2u, (uint)FaultReason.BeyondAddressWidth), Run(ulong.MaxValue - 10, 64, ToDevice, pause: 1));
        _bench.Endpoint.Block = SendBlock.BusMasterDisabled;
        Assert.Equal((2u, (uint)FaultReason.BusMasterDisabled), Run(0x10000, 64, ToDevice));
        _bench.Endpoint.Block = null;
        _bench.Endpoint.Attach(null, null);
        Assert.Equal((2u, (uint)FaultReason.NotAttached), Run(0x10000, 64, ToDevice));
    }

    [Fact]
    public void WhatCameBeforeTheFaultIsInTheBuffer()
    {
        _bench.Map(0x10000, 0x1000, 0x77);
        Assert.Equal((2u, (uint)FaultReason.NotMapped), Run(0x10f00, 0x200, ToDevice));
        Assert.Equal(0x77u, _bench.Slot.Read(2, 0xff, 1));
        Assert.Equal(0u, _bench.Slot.Read(2, 0x100, 1));
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(4097u)]
    [InlineData(0xffffffffu)]
    public void ALengthOutsideOfItsRangeIsRefused(uint length) =>
        Assert.Equal((3u, 0u), Run(0x10000, length, ToDevice));

    [Fact]
    public void AMessageIsRaisedOnlyWhenAsked()
    {
        _bench.Map(0x10000, 0x1000, 1);
        Run(0x10000, 8, ToDevice);
        Run(0x10000, 8, ToDevice, vector: 2);
        SlotBench.Until(() => _bench.Messages == 1);
        Assert.Equal(2, _bench.LastVector);
        Run(0x99000, 8, ToDevice, vector: 3); // a failed one too
        SlotBench.Until(() => _bench.Messages == 2);
        Assert.Equal(3, _bench.LastVector);
    }

    [Fact]
    public void AProgramCanDoAllOfItWithPlainStores()
    {
        HostBlock registers = _bench.MapBar(0), buffer = _bench.MapBar(2);
        (_, HostBlock block) = _bench.Map(0x10000, 0x1000, 0x11);
        for (uint i = 1; i <= 50; i++)
        {
            block.Write(0x40, i);
            registers.Write(0x00, 0x10040ul);
            registers.Write(0x10, 4u);
            registers.Write(0x08, ToDevice);
            SlotBench.Until(() => (registers.Read<uint>(0x08) & 1) == 0);
            Assert.Equal(1u, registers.Read<uint>(0x14)); // all of it was there before the busy bit went
            Assert.Equal(i, registers.Read<uint>(0x20));
            Assert.Equal(i, buffer.Read<uint>(0));
        }
    }

    [Fact]
    public void ResetEndsACommandInFlightAndForgetsIt()
    {
        (IovaRange range, HostBlock block) = _bench.Map(0x10000, 0x1000, 0);
        _bench.Slot.Write(2, 0, 8, 0x4141414141414141);
        _bench.Slot.Write(0, 0x1c, 4, 0);
        Set(0x10000, 4096, pause: 60_000_000);
        _bench.Slot.Write(0, 0x08, 4, Start);
        Assert.Equal(1u, _bench.Slot.Read(0, 0x08, 4)); // busy
        long before = Stopwatch.GetTimestamp();
        _bench.Slot.Reset();
        Assert.True(Stopwatch.GetElapsedTime(before) < TimeSpan.FromSeconds(30));
        Assert.Equal(0u, _bench.Slot.Read(0, 0x08, 4));
        Assert.Equal(4096u, _bench.Slot.Read(0, 0x10, 4));
        Assert.Equal(0xffffffffu, _bench.Slot.Read(0, 0x1c, 4));
        Assert.Equal(0ul, _bench.Slot.Read(0, 0x20, 8));
        Assert.Equal(0ul, _bench.Slot.Read(2, 0, 8));
        Assert.Equal(0, _bench.Messages);
        Assert.Equal(0ul, block.Read<ulong>(0));
        _bench.Domain.Mappings.Unmap(range);

        _bench.Map(0x10000, 0x1000, 0x33);
        Assert.Equal((1u, 0u), Run(0x10000, 16, ToDevice)); // and it works on
        Assert.Equal(1ul, _bench.Slot.Read(0, 0x20, 8));
    }

    [Fact]
    public void ACommandWhileOneRunsIsIgnored()
    {
        _bench.Map(0x10000, 0x1000, 1);
        Set(0x10000, 64, pause: 20_000);
        _bench.Slot.Write(0, 0x08, 4, ToDevice);
        _bench.Slot.Write(0, 0x08, 4, Start);
        Assert.Equal(ToDevice, _bench.Slot.Read(0, 0x08, 4));
        SlotBench.Until(() => _bench.Slot.Read(0, 0x08, 4) == 0);
        Assert.Equal(1ul, _bench.Slot.Read(0, 0x20, 8));
        _bench.Slot.Write(0, 0x08, 4, 2); // no start
        Assert.Equal(0u, _bench.Slot.Read(0, 0x08, 4));
        Assert.Equal(1ul, _bench.Slot.Read(0, 0x20, 8));
    }

    [Fact]
    public void ThePauseComesBeforeEachChunk()
    {
        _bench.Map(0x10000, 0x1000, 1);
        long before = Stopwatch.GetTimestamp();
        Assert.Equal((1u, 0u), Run(0x10000, 65, ToDevice, pause: 10_000));
        Assert.True(Stopwatch.GetElapsedTime(before) >= TimeSpan.FromMilliseconds(20));
    }

    private void Set(ulong iova, uint length, uint vector = 0xffffffff, uint pause = 0)
    {
        _bench.Slot.Write(0, 0x00, 8, iova);
        _bench.Slot.Write(0, 0x10, 4, length);
        _bench.Slot.Write(0, 0x1c, 4, vector);
        _bench.Slot.Write(0, 0x28, 4, pause);
    }

    /// <summary>Status and fault reason.</summary>
    private (uint Status, uint Reason) Run(
        ulong iova, uint length, uint command, uint vector = 0xffffffff, uint pause = 0)
    {
        Set(iova, length, vector, pause);
        _bench.Slot.Write(0, 0x08, 4, command);
        SlotBench.Until(() => (_bench.Slot.Read(0, 0x08, 4) & 1) == 0);
        return ((uint)_bench.Slot.Read(0, 0x14, 4), (uint)_bench.Slot.Read(0, 0x18, 4));
    }
}
