using Ioasis.Devices;
using Ioasis.Memory;

namespace Ioasis.Tests.Devices;

public sealed class EduDeviceTests : IDisposable
{
    private const ulong Buffer = 0x40000;

    private readonly SlotBench _bench = new(new EduDevice());

    public void Dispose() => _bench.Dispose();

    [Fact]
    public void ItTellsWhatItIsAndThatItLives()
    {
        Assert.Equal(0x010000edu, Read4(0x00));
        Write4(0x04, 0x12345678);
        Assert.Equal(~0x12345678u, Read4(0x04));
        Write4(0x00, 5);
        Assert.Equal(0x010000edu, Read4(0x00));
        Assert.Equal(0xffffffffu, Read4(0x0c)); // no register
        Assert.Equal(0xffffffffu, Read4(0x60)); // one that is only written
        Assert.Equal(0xffffffffu, Read4(0x40000)); // the DMA buffer cannot be reached
    }

    [Fact]
    public void RegistersBelow80TakeFourByteAccessesOnlyThoseAboveEightToo()
    {
        Assert.Equal(ulong.MaxValue, _bench.Slot.Read(0, 0x00, 8));
        Assert.Equal(0xffu, _bench.Slot.Read(0, 0x00, 1));
        _bench.Slot.Write(0, 0x04, 2, 0);
        Assert.Equal(0u, Read4(0x04));
        _bench.Slot.Write(0, 0x80, 8, 0x1_0000_0002);
        Assert.Equal(0x1_0000_0002u, _bench.Slot.Read(0, 0x80, 8));
        Assert.Equal(2u, Read4(0x80));
        Assert.Equal(0xffffu, _bench.Slot.Read(0, 0x80, 2));
    }

    [Theory]
    [InlineData(0u, 1u)]
    [InlineData(5u, 120u)]
    [InlineData(12u, 479001600u)]
    [InlineData(13u, 1932053504u)] // modulo 2^32
    [InlineData(0xffffffffu, 0u)]
    public void AFactorialIsComputedWhileTheStatusSaysSo(uint number, uint factorial)
    {
        Write4(0x08, number);
        SlotBench.Until(() => (Read4(0x20) & 1) == 0);
        Assert.Equal(factorial, Read4(0x08));
        Assert.Equal(0, _bench.Messages);
    }

    [Fact]
    public void AFactorialRaisesItsInterruptIfAsked()
    {
        Write4(0x20, 0xff);
        Assert.Equal(0x80u, Read4(0x20)); // only that bit can be written
        Write4(0x08, 4);
        SlotBench.Until(() => _bench.Messages == 1);
        Assert.Equal(24u, Read4(0x08));
        Assert.Equal(1u, Read4(0x24));
        Write4(0x64, 1);
        Assert.Equal(0u, Read4(0x24));
    }

    [Fact]
    public void WithoutMessagesTheLineStaysAssertedUntilAllIsAcknowledged()
    {
        using var bench = new SlotBench(new EduDevice()) { MessagesEnabled = false };
        bench.Slot.Write(0, 0x60, 4, 0x11);
        Assert.True(bench.Slot.LineAsserted);
        bench.Slot.Write(0, 0x64, 4, 0x01);
        Assert.True(bench.Slot.LineAsserted);
        Assert.Equal(0x10u, bench.Slot.Read(0, 0x24, 4));
        bench.Slot.Write(0, 0x64, 4, 0x10);
        Assert.False(bench.Slot.LineAsserted);
        Assert.Equal(1, bench.LineRises);
    }

    [Fact]
    public void DmaGoesBothWaysAndInterruptsIfAsked()
    {
        (_, HostBlock block) = _bench.Map(0x10000, 0x1000, 0x3c);
        Transfer(0x10000, Buffer + 8, 100, 1);
        Assert.Equal(0, _bench.Messages);
        Transfer(Buffer + 8, 0x10800, 50, 1 | 2 | 4);
        SlotBench.Until(() => _bench.Messages == 1);
        Assert.Equal(0x100u, Read4(0x24));
        Assert.Equal(0x3cu, block.Read<byte>(0x800 + 49));
        Transfer(Buffer, 0x10000, 8, 1 | 2);
        Assert.Equal(0ul, block.Read<ulong>(0)); // the 8 bytes before were never filled
        Assert.Equal(2u, _bench.Slot.Read(0, 0x98, 8)); // the direction stays, the run bit goes
    }

    [Fact]
    public void AnAddressIsCutToTheDmaMask()
    {
        (_, HostBlock block) = _bench.Map(0x10000, 0x1000, 0x3c);
        Transfer(0x7_1001_0000, Buffer, 8, 1);
        Transfer(Buffer, 0xf000_0000_0001_0800, 8, 3);
        block.Write(0, 0x99ul);
        Assert.Equal(0x3c3c3c3c3c3c3c3cul, block.Read<ulong>(0x800));

        using var wide = new SlotBench(new EduDevice(ulong.MaxValue));
        wide.Map(0x10000, 0x1000, 0x3c);
        wide.Slot.Write(0, 0x80, 8, 0x7_1001_0000);
        wide.Slot.Write(0, 0x88, 8, Buffer);
        wide.Slot.Write(0, 0x90, 8, 8);
        wide.Slot.Write(0, 0x98, 8, 1);
        SlotBench.Until(() => (wide.Slot.Read(0, 0x98, 8) & 1) == 0);
        Assert.Equal(0x7_1001_0000ul, Assert.Single(wide.Endpoint.Unit.Faults.Snapshot()).Iova.Value);
    }

    [Theory]
    [InlineData(Buffer + 4000, 97ul)]
    [InlineData(Buffer - 1, 8ul)]
    [InlineData(Buffer, ulong.MaxValue)]
    [InlineData(0ul, 8ul)]
    [InlineData(ulong.MaxValue, 1ul)]
    public void ATransferOutsideOfTheBufferMovesNothing(ulong device, ulong count)
    {
        _bench.Map(0x10000, 0x1000, 0x3c);
        Transfer(0x10000, device, count, 1 | 4);
        SlotBench.Until(() => _bench.Messages == 1);
        Assert.Equal(0, _bench.Endpoint.Unit.Faults.Count);
    }

    [Fact]
    public void ACommandWithoutTheRunBitIsNone()
    {
        _bench.Slot.Write(0, 0x98, 8, 6);
        Assert.Equal(0ul, _bench.Slot.Read(0, 0x98, 8));
    }

    [Fact]
    public void AMappingShowsResultsAndTakesCommands()
    {
        HostBlock bar = _bench.MapBar(0);
        (_, HostBlock block) = _bench.Map(0x10000, 0x1000, 0x3c);
        Assert.Equal(0x010000edu, bar.Read<uint>(0));
        bar.Write(0x04, 7u);
        SlotBench.Until(() => bar.Read<uint>(0x04) == ~7u);
        bar.Write(0x20, 0x80u);
        bar.Write(0x08, 6u);
        SlotBench.Until(() => _bench.Messages == 1);
        Assert.Equal(720u, bar.Read<uint>(0x08));
        Assert.Equal(0x80u, bar.Read<uint>(0x20));
        bar.Write(0x64, 1u);
        SlotBench.Until(() => bar.Read<uint>(0x24) == 0);
        for (int i = 0; i < 3; i++) // the same command again is seen
        {
            block.Write(0x100, 0);
            bar.Write(0x80, 0x10000ul);
            bar.Write(0x88, Buffer);
            bar.Write(0x90, 4ul);
            bar.Write(0x98, 1ul);
            SlotBench.Until(() => (bar.Read<ulong>(0x98) & 1) == 0);
            bar.Write(0x80, Buffer);
            bar.Write(0x88, 0x10100ul);
            bar.Write(0x98, 3ul);
            SlotBench.Until(() => (bar.Read<ulong>(0x98) & 1) == 0);
            Assert.Equal(0x3c3c3c3cu, block.Read<uint>(0x100));
        }
    }

    private uint Read4(ulong offset) => (uint)_bench.Slot.Read(0, offset, 4);

    private void Write4(ulong offset, uint value) => _bench.Slot.Write(0, offset, 4, value);

    private void Transfer(ulong source, ulong destination, ulong count, ulong command)
    {
        _bench.Slot.Write(0, 0x80, 8, source);
        _bench.Slot.Write(0, 0x88, 8, destination);
        _bench.Slot.Write(0, 0x90, 8, count);
        _bench.Slot.Write(0, 0x98, 8, command);
        SlotBench.Until(() => (_bench.Slot.Read(0, 0x98, 8) & 1) == 0);
    }
}
