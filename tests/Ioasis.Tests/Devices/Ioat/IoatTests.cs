using Ioasis.Devices;
using Ioasis.Devices.Ioat;

namespace Ioasis.Tests.Devices.Ioat;

public sealed class IoatTests : IDisposable
{
    private const uint Interrupt = 1, WriteCompletion = 8, Null = 0x20, Fill = 1u << 24;
    private const ulong Source = IoatBench.Base, Target = IoatBench.Base + 0x10000;
    private readonly IoatBench _bench = new();

    public void Dispose() => _bench.Dispose();

    [Fact]
    public void AChainCopiesAndFills()
    {
        _bench.Memory.Write(0x123UL, 0x0123456789abcdefUL);
        _bench.Put(0, 0, Source + 0x123, Target + 1, 8);
        _bench.Put(1, Null, 0, 0, 8);
        _bench.Put(2, Fill, 0x8877665544332211, Target + 0x100, 12);
        _bench.Start(3);
        _bench.Until(IoatStatus.Done);
        Assert.Equal(0x0123456789abcdefUL, _bench.Memory.Read<ulong>(0x10001));
        Assert.Equal(0x8877665544332211UL, _bench.Memory.Read<ulong>(0x10100));
        Assert.Equal(0x44332211UL, _bench.Memory.Read<ulong>(0x10108));
        Assert.Equal(IoatBench.At(2), _bench.Completed);
        Assert.Equal(IoatBench.At(2), _bench.Slots.Slot.Read(0, 0xa0, 8));
        Assert.Equal(0, _bench.Slots.Messages);
        Assert.Equal(0UL, _bench.Memory.Read<ulong>(IoatBench.Completion - IoatBench.Base));
    }

    [Fact]
    public void TheCountGoesOnWithTheChainAndWraps()
    {
        _bench.Put(0, 0, Source, Target, 8, next: IoatBench.Ring); // follows itself
        _bench.Start(0xffff);
        SlotBench.Until(() => _bench.Status == IoatStatus.Done);
        _bench.Memory.Write(0UL, 77UL);
        _bench.More(1); // two more: the count has 16 bits
        SlotBench.Until(() => _bench.Memory.Read<ulong>(0x10000) == 77 && _bench.Status == IoatStatus.Done);
        _bench.Memory.Write(0UL, 78UL);
        _bench.More(1); // none more
        _bench.Start(1); // but this is another chain
        SlotBench.Until(() => _bench.Memory.Read<ulong>(0x10000) == 78);
    }

    [Fact]
    public void ACompletionIsWrittenBeforeTheInterruptOfADescriptor()
    {
        _bench.Put(0, Interrupt | WriteCompletion, Source, Target, 64);
        _bench.Start(1);
        SlotBench.Until(() => _bench.Slots.Messages == 1);
        Assert.Equal(IoatBench.At(0) | 1, _bench.Memory.Read<ulong>(IoatBench.Completion - IoatBench.Base));
    }

    [Fact]
    public void NoSecondInterruptComesUntilTheDriverRearms()
    {
        for (int i = 0; i < 3; i++) _bench.Put(i, Interrupt, Source, Target, 8);
        _bench.Start(3);
        _bench.Until(IoatStatus.Done);
        Assert.Equal(1, _bench.Slots.Messages);
        _bench.Slots.Slot.Write(0, 0x80, 2, 1);
        Assert.Equal(2, _bench.Slots.Messages);
        _bench.Slots.Slot.Write(0, 0x80, 2, 1);
        Assert.Equal(2, _bench.Slots.Messages);
        Assert.Equal(0UL, _bench.Slots.Slot.Read(0, 0x80, 2) & 1);
        _bench.Slots.Slot.Write(0, 0x03, 1, 0); // no vector
        _bench.Start(1);
        _bench.Until(IoatStatus.Done);
        Assert.Equal(2, _bench.Slots.Messages);
    }

    [Theory]
    [InlineData(0u, IoatBench.Nowhere, Target, 64u, 0x100u)]
    [InlineData(0u, Source, IoatBench.Nowhere, 64u, 0x200u)]
    [InlineData(0u, IoatBench.Base + IoatBench.Size - 8, Target, 64u, 0x100u)]
    [InlineData(0u, ulong.MaxValue - 7, Target, 64u, 0x100u)]
    [InlineData(Fill, 0UL, ulong.MaxValue - 7, 64u, 0x200u)]
    [InlineData(0u, Source, Target, 0u, 0x800u)]
    [InlineData(0u, Source, Target, 0x4001u, 0x800u)]
    [InlineData(0u, Source, Target, uint.MaxValue, 0x800u)]
    [InlineData(0x87u << 24, Source, Target, 8u, 0x400u)]
    public void AnErrorHaltsTheChainAtItsDescriptor(
        uint control, ulong source, ulong destination, uint length, uint error)
    {
        _bench.Put(0, 0, Source, Target, 8);
        _bench.Put(1, control | WriteCompletion, source, destination, length);
        _bench.Put(2, 0, Source, Target, 8);
        _bench.Start(3);
        _bench.Until(IoatStatus.Halted);
        SlotBench.Until(() => _bench.Slots.Messages == 1); // of the error
        Assert.Equal((IoatErrors)error, _bench.Errors);
        Assert.Equal(IoatBench.At(0), _bench.Completed);
        Assert.Equal(IoatBench.At(1), _bench.Slots.Slot.Read(0, 0xa0, 8));
        Assert.Equal(IoatBench.At(0) | 3, _bench.Memory.Read<ulong>(IoatBench.Completion - IoatBench.Base));
        _bench.Slots.Slot.Write(0, 0xa8, 4, error);
        Assert.Equal(IoatErrors.None, _bench.Errors);
        _bench.Start(1);
        _bench.Until(IoatStatus.Done);
    }

    [Fact]
    public void BadAddressesOfDescriptorsAndCompletionsHalt()
    {
        _bench.Start(1, IoatBench.Nowhere);
        _bench.Until(IoatStatus.Halted);
        Assert.Equal(IoatErrors.NextAddress, _bench.Errors);
        _bench.Start(1, IoatBench.Ring + 8);
        SlotBench.Until(() => _bench.Errors == IoatErrors.ChainAddressValue && _bench.Status == IoatStatus.Halted);
        _bench.Put(0, 0, Source, Target, 8, next: IoatBench.Ring + 4);
        _bench.Start(2);
        SlotBench.Until(() => _bench.Errors == IoatErrors.NextDescriptorAlignment
            && _bench.Status == IoatStatus.Halted);
        _bench.Put(0, WriteCompletion, Source, Target, 8);
        _bench.Slots.Slot.Write(0, 0x98, 8, IoatBench.Nowhere);
        _bench.Start(1);
        SlotBench.Until(() => _bench.Errors == IoatErrors.CompletionAddress && _bench.Status == IoatStatus.Halted);
        _bench.Command(0x60);
        SlotBench.Until(() => (_bench.Errors & IoatErrors.Command) != 0);
        _bench.Command(IoatBench.ResetCommand);
        Assert.Equal((IoatStatus.Halted, IoatErrors.None), (_bench.Status, _bench.Errors));
    }

    [Fact]
    public void ForADriverThatTakesNoInterruptsAChannelThatWasResetIsArmed()
    {
        _bench.Slots.Slot.Reset();
        _bench.Command(IoatBench.Suspend);
        Assert.Equal(IoatStatus.Armed, _bench.Status); // as one that is reset next wants it
        _bench.Command(IoatBench.ResetCommand);
        Assert.Equal(IoatStatus.Armed, _bench.Status);
        _bench.Slots.Slot.Reset();
        _bench.Command(IoatBench.ResetCommand);
        Assert.Equal(IoatStatus.Halted, _bench.Status); // no driver has shown what it is yet
        _bench.Slots.Slot.Write(0, 0x80, 2, 0x0c);
        Assert.Equal(IoatStatus.Armed, _bench.Status);
        _bench.More(1); // no chain
        Assert.Equal(IoatStatus.Armed, _bench.Status);
        _bench.Command(IoatBench.Suspend);
        Assert.Equal(IoatStatus.Suspended, _bench.Status);
        _bench.Command(IoatBench.ResetCommand);
        Assert.Equal(IoatStatus.Armed, _bench.Status);
        _bench.Put(0, 0, IoatBench.Nowhere, Target, 8);
        _bench.Start(1);
        _bench.Until(IoatStatus.Halted);
        _bench.Command(IoatBench.ResetCommand); // as DPDK recovers from an error
        Assert.Equal((IoatStatus.Armed, IoatErrors.None), (_bench.Status, _bench.Errors));
        _bench.Command(IoatBench.Abort);
        _bench.Command(IoatBench.Suspend);
        Assert.Equal(IoatStatus.Halted, _bench.Status);
    }

    /// <summary>A reset through a mapping may be seen after what the driver stored next.</summary>
    [Fact]
    public void AResetKeepsTheAddressOfAChainThatIsNotBegun()
    {
        _bench.Put(0, 0, Source, Target, 8);
        _bench.Start(1);
        _bench.Until(IoatStatus.Done);
        _bench.Command(IoatBench.ResetCommand);
        Assert.Equal(0UL, _bench.Slots.Slot.Read(0, 0x90, 8));
        _bench.Slots.Slot.Write(0, 0x90, 8, IoatBench.Ring);
        _bench.Command(IoatBench.ResetCommand);
        _bench.More(1);
        _bench.Until(IoatStatus.Done);
        Assert.Equal(IoatBench.At(0), _bench.Completed);
    }

    [Fact]
    public void ASuspendedChannelGoesOnWhenItIsResumed()
    {
        _bench.Put(0, 0, Source, Target, 0x4000, next: IoatBench.Ring);
        _bench.Start(0xffff);
        _bench.Command(IoatBench.Suspend);
        _bench.Until(IoatStatus.Suspended);
        _bench.Command(IoatBench.Resume);
        SlotBench.Until(() => _bench.Status == IoatStatus.Active);
        _bench.Command(IoatBench.Suspend);
        _bench.Until(IoatStatus.Suspended);
        _bench.Start(1); // or starts another chain
        _bench.Until(IoatStatus.Done);
        _bench.Command(IoatBench.Suspend);
        Assert.Equal(IoatStatus.Suspended, _bench.Status);
    }

    [Fact]
    public void AnAbortAndAResetEndAChainWithoutATrace()
    {
        _bench.Put(0, Interrupt, Source, Target, 0x4000, next: IoatBench.Ring);
        _bench.Start(0xffff);
        _bench.Command(IoatBench.Abort);
        Assert.Equal((IoatStatus.Halted, IoatErrors.None), (_bench.Status, _bench.Errors));
        _bench.Start(0xffff);
        _bench.Command(IoatBench.ResetCommand);
        Assert.Equal((IoatStatus.Halted, IoatErrors.None, 0UL), (_bench.Status, _bench.Errors, _bench.Completed));
        Assert.Equal(0UL, _bench.Slots.Slot.Read(0, 0x84, 1));
        _bench.More(1); // no chain
        Assert.Equal(IoatStatus.Halted, _bench.Status);
        _bench.Slots.Slot.Reset();
        Assert.Equal(IoatStatus.Armed, _bench.Status);
        Assert.Equal(14UL, _bench.Slots.Slot.Read(0, 1, 1));
        Assert.Equal(0UL, _bench.Slots.Slot.Read(0, 0x98, 8));
    }

    [Fact]
    public void AChannelThatIgnoresFaultsDropsWhatItCannotMove()
    {
        using var bench = new IoatBench(new IoatOptions { HaltOnFault = false, MaxTransferLog2 = 20 });
        bench.Put(0, 0, IoatBench.Nowhere, Target, 8);
        bench.Put(1, 0, Source, IoatBench.Nowhere, 8);
        bench.Start(2);
        bench.Until(IoatStatus.Done);
        Assert.Equal(IoatErrors.None, bench.Errors);
        Assert.Equal(2, bench.Slots.Endpoint.Unit.Faults.Count);
    }

    [Fact]
    public void TheSameStoresToAMappingAreSeenAgainAndAgain()
    {
        var registers = _bench.Slots.MapBar(0);
        _bench.Put(0, Interrupt, Source, Target, 8, next: IoatBench.Ring);
        for (int i = 1; i <= 50; i++)
        {
            _bench.Memory.Write(0UL, (ulong)i);
            registers.Write(0x90UL, IoatBench.Ring);
            registers.Write(0x80UL, (ushort)9);
            registers.Write(0x86UL, (ushort)1);
            SlotBench.Until(() => (registers.Read<ulong>(0x88) & 7) == (ulong)IoatStatus.Done);
            Assert.Equal((ulong)i, _bench.Memory.Read<ulong>(0x10000));
            registers.Write(0x84UL, IoatBench.Suspend);
            SlotBench.Until(() => (registers.Read<ulong>(0x88) & 7) == (ulong)IoatStatus.Suspended);
            SlotBench.Until(() => _bench.Slots.Messages == i);
        }
    }

    [Fact]
    public void WhatADriverSetsUpAfterAResetShowsThatItHasSeenIt()
    {
        _bench.Command(IoatBench.ResetCommand);
        Assert.Equal(IoatStatus.Halted, _bench.Status);
        _bench.Slots.Slot.Write(0, 0x80, 2, 1);
        Assert.Equal(IoatStatus.Active, _bench.Status);
        _bench.Command(IoatBench.Suspend);
        Assert.Equal(IoatStatus.Suspended, _bench.Status);
        _bench.Command(IoatBench.ResetCommand);
        Assert.Equal(IoatStatus.Halted, _bench.Status);
        _bench.Slots.Slot.Write(0, 0x03, 1, 8);
        Assert.Equal(IoatStatus.Active, _bench.Status);
        _bench.Put(0, 0, Source, Target, 8);
        _bench.Start(1);
        _bench.Until(IoatStatus.Done);
    }

    [Theory]
    [InlineData(11)]
    [InlineData(21)]
    public void ATransferThatNoRegisterCanSayIsRefused(int log2) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new IoatDevice(new IoatOptions { MaxTransferLog2 = log2 }));
}
