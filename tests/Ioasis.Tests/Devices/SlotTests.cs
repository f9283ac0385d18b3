using Ioasis.Devices;
using Ioasis.Devices.Slots;
using Ioasis.Memory;
using static Ioasis.Tests.Devices.RecordingModel;

namespace Ioasis.Tests.Devices;

public sealed class SlotTests : IDisposable
{
    private readonly RecordingModel _model = new();
    private readonly SlotBench _bench;

    public SlotTests() => _bench = new SlotBench(_model);

    public void Dispose() => _bench.Dispose();

    /// <summary>
    /// The poller may look at a slot a moment after it was taken off its list; the bytes may be gone by then.
    /// </summary>
    [Fact]
    public void AnUnpluggedSlotIsNotLookedAt()
    {
        HostBlock registers = _bench.MapBar(0);
        _bench.Slot.Decoding = false;
        _bench.Slot.Dispose();
        registers.Write(Second.Offset, 0x5afeu);
        Assert.False(_bench.Slot.TryPoll());
        Assert.Equal(0x5afeu, registers.Read<uint>(Second.Offset));
    }

    [Fact]
    public void RegistersHaveTheirResetValuesAndTheRestReadsAsUnclaimed()
    {
        Assert.Equal(0x11223344u, _bench.Slot.Read(0, 0, 4));
        Assert.Equal(0x0000cafe_11223344u, _bench.Slot.Read(0, 0, 8));
        Assert.Equal(0x1122u, _bench.Slot.Read(0, 2, 2));
        Assert.Equal(7u, _bench.Slot.Read(0, 0x0c, 4));
        Assert.Equal(0xeeee00eeu, _bench.Slot.Read(0, 0x20, 4)); // a register of one byte in a gap
        Assert.Equal(0xeeu, _bench.Slot.Read(0, 0xfff, 1));
        Assert.Equal(0ul, _bench.Slot.Read(1, 0x1ff8, 8));
    }

    [Fact]
    public void WritesReachOnlyWhatMayBeWritten()
    {
        _bench.Slot.Write(0, 0, 8, 0xaaaaaaaa_bbbbbbbb); // a parameter and a read-only register at once
        Assert.Equal(0x0000cafe_bbbbbbbbu, _bench.Slot.Read(0, 0, 8));
        _bench.Slot.Write(0, 1, 1, 0x5a);
        Assert.Equal(0xbbbb5abbu, _bench.Slot.Read(0, 0, 4));
        _bench.Slot.Write(0, 0x40, 4, 0x12345678);
        Assert.Equal(0xeeeeeeeeu, _bench.Slot.Read(0, 0x40, 4));
        _bench.Slot.Write(1, 0x100, 4, 0x12345678);
        Assert.Equal(0x5678u, _bench.Slot.Read(1, 0x100, 2));
        Assert.Equal(0, _model.RingCount);
    }

    [Fact]
    public void ADoorbellRingsForEveryWriteAndForAPartOfIt()
    {
        _bench.Slot.Write(0, 0x10, 8, 0x1111_2222_3333_4444);
        _bench.Slot.Write(0, 0x10, 8, 0x1111_2222_3333_4444); // the same value again is a write like any other
        _bench.Slot.Write(0, 0x14, 4, 0xaaaa_bbbb);
        _bench.Slot.Write(0, 0x13, 1, 0xff);
        Assert.Equal(
            [0x1111_2222_3333_4444, 0x1111_2222_3333_4444, 0xaaaa_bbbb_3333_4444, 0xaaaa_bbbb_ff33_4444],
            _model.Rings.Select(r => r.Value));
        Assert.All(_model.Rings, r => Assert.Equal("first", r.Name));
    }

    [Fact]
    public void AWriteOfSeveralRegistersIsCompleteBeforeAnyOfThemRings()
    {
        _bench.Slot.Write(0, 0, 4, 1);
        ulong seen = 0;
        _model.OnRing = (_, _) => seen = _model.Slot.ReadRegister(0, Second);
        _bench.Slot.Write(0, 0x08, 8, 0x99_00000000);
        Assert.Equal(0x99u, seen);
        Assert.Equal(("second", 0x99ul, 1ul), Assert.Single(_model.Rings));
    }

    [Fact]
    public void AnAccessOfAWidthThatTheRegisterDoesNotTakeIsNone()
    {
        _bench.Slot.Write(0, 0x28, 4, 0x01020304);
        _bench.Slot.Write(0, 0x28, 8, 5);
        _bench.Slot.Write(0, 0x28, 2, 5);
        Assert.Equal(1, _model.RingCount);
        Assert.Equal(0x01020304u, _bench.Slot.Read(0, 0x28, 4));
        Assert.Equal(0xeeeeeeee_eeeeeeeeu, _bench.Slot.Read(0, 0x28, 8));
        Assert.Equal(0xeeu, _bench.Slot.Read(0, 0x29, 1));
    }

    [Fact]
    public void AMappingShowsWhatTheBarHeldAndItsStoresAreSeenInOrder()
    {
        _bench.Slot.Write(0, 0, 4, 42);
        _bench.Slot.Write(1, 0x1000, 8, 43);
        HostBlock registers = _bench.MapBar(0), memory = _bench.MapBar(1);
        Assert.Equal(42u, registers.Read<uint>(0));
        Assert.Equal(0xcafeu, registers.Read<uint>(4));
        Assert.Equal(0xeeu, registers.Read<byte>(0x800));
        Assert.Equal(43ul, memory.Read<ulong>(0x1000));

        for (uint i = 1; i <= 200; i++)
        {
            registers.Write(0, i);                // the parameter first
            registers.Write(0x10, (ulong)i << 8); // then the doorbell
            SlotBench.Until(() => _model.RingCount == i);
        }

        Assert.All(_model.Rings.Select((r, n) => (r, n)),
            x => Assert.Equal(("first", (ulong)(x.n + 1) << 8, (ulong)(x.n + 1)), x.r));
        memory.Write(0x1000, 44ul);
        Assert.Equal(44ul, _bench.Slot.Read(1, 0x1000, 8));
    }

    [Fact]
    public void AReadOrWriteCallComesAfterTheStoresThatWereMadeBefore()
    {
        HostBlock registers = _bench.MapBar(0);
        registers.Write(0x10, 5ul);
        _bench.Slot.Write(0, 0x0c, 4, 6);
        Assert.Equal(["first", "second"], _model.Rings.Select(r => r.Name));
        registers.Write(0x10, 8ul);
        _bench.Slot.Read(0, 0, 4);
        Assert.Equal(3, _model.RingCount);
    }

    [Fact]
    public void AStoreToAReadOnlyRegisterIsUndone()
    {
        HostBlock registers = _bench.MapBar(0);
        registers.Write(4, 0xdead);
        Assert.Equal(0xcafeu, _bench.Slot.Read(0, 4, 4));
        SlotBench.Until(() => registers.Read<uint>(4) == 0xcafe);
        _model.Slot.Publish(0, Fixed, 0xbeef);
        SlotBench.Until(() => registers.Read<uint>(4) == 0xbeef);
    }

    [Fact]
    public void PublishingDoesNotLoseAStoreThatCameInBetween()
    {
        HostBlock registers = _bench.MapBar(0);
        _model.OnRing = (register, value) =>
        {
            if (value != 1) return;
            registers.Write(0x10, 2ul);                  // the driver is quicker ...
            _model.Slot.Publish(0, register, 0);         // ... than the device's "idle"
        };
        _bench.Slot.Write(0, 0x10, 8, 1);
        SlotBench.Until(() => _model.RingCount == 2);
        Assert.Equal([1ul, 2ul], _model.Rings.Select(r => r.Value));
    }

    [Fact]
    public void AnEqualCommandIsSeenAgainOnceTheIdleValueWasPublished()
    {
        _model.OnRing = (register, _) => _model.Slot.Publish(0, register, 0);
        HostBlock registers = _bench.MapBar(0);
        for (int i = 1; i <= 20; i++)
        {
            registers.Write(0x10, 1ul);
            SlotBench.Until(() => _model.RingCount == i);
            SlotBench.Until(() => registers.Read<ulong>(0x10) == 0);
        }
    }

    [Fact]
    public void StoresWhileTheBarsDoNotAnswerAreDropped()
    {
        HostBlock registers = _bench.MapBar(0);
        registers.Write(0x10, 5ul);
        _bench.Slot.Decoding = false; // what was stored before still counts
        Assert.Equal(1, _model.RingCount);
        registers.Write(0x10, 6ul);
        SlotBench.Until(() => registers.Read<ulong>(0x10) == 5);
        registers.Write(0x10, 7ul);
        _bench.Slot.Decoding = true;
        _bench.Slot.Read(0, 0, 4);
        Assert.Equal(1, _model.RingCount);
    }

    [Fact]
    public void ResetGivesBackEveryResetValueAndClearsMemory()
    {
        HostBlock registers = _bench.MapBar(0);
        _bench.Slot.Write(0, 0, 4, 1);
        _bench.Slot.Write(0, 0x10, 8, 2);
        _bench.Slot.Write(1, 0x10, 8, 3);
        registers.Write(0x800, 3ul);
        _bench.Slot.SetInterruptLine(true);
        _bench.Slot.Reset();
        Assert.Equal(1, _model.Resets);
        Assert.Equal(0x11223344u, registers.Read<uint>(0));
        Assert.Equal(0ul, registers.Read<ulong>(0x10));
        Assert.Equal(0xeeeeeeee_eeeeeeee, registers.Read<ulong>(0x800));
        Assert.Equal(0ul, _bench.Slot.Read(1, 0x10, 8));
        Assert.False(_bench.Slot.LineAsserted);
        Assert.Equal(1, _model.RingCount);
    }

    [Fact]
    public void TheModelNeverGetsTwoCallsAtOnce()
    {
        _model.OnRing = (_, _) => Thread.SpinWait(200);
        HostBlock registers = _bench.MapBar(0);
        Parallel.For(0, 4, n =>
        {
            for (uint i = 0; i < 500; i++)
            {
                if (n == 0) registers.Write(0x10, (ulong)i + 1);
                else if (n == 1 && i % 50 == 0) _bench.Slot.Reset();
                else _bench.Slot.Write(0, 0x0c, 4, i);
            }
        });
        Assert.False(_model.GotTwoAtOnce);
    }

    [Fact]
    public void ThePollerRunsOnlyWhileABarIsMapped()
    {
        Assert.False(_bench.Poller.IsRunning);
        HostBlock registers = _bench.MapBar(0);
        Assert.True(_bench.Poller.IsRunning);
        _bench.Slot.TakeBarsBack();
        SlotBench.Until(() => !_bench.Poller.IsRunning);
        registers.Write(0x10, 9ul);
        Assert.Equal(0ul, _bench.Slot.Read(0, 0x10, 8)); // the program's bytes are no longer the BAR's
        Assert.Equal(0, _model.RingCount);
        _bench.MapBar(0);
        Assert.True(_bench.Poller.IsRunning);
    }

    [Theory]
    [InlineData(0x1001, 0, 4)] // size
    [InlineData(0x1000, 2, 4)] // alignment of a register
    [InlineData(0x1000, 0x1000, 4)] // beyond the BAR
    [InlineData(0x1000, 0, 3)] // width
    public void AnImpossibleFunctionIsRefusedWithTheRuleItBreaks(ulong size, uint offset, int width)
    {
        var function = new PciFunction
        {
            VendorId = 1,
            DeviceId = 2,
            ClassCode = 3,
            Bars = [new Bar { Index = 0, Size = size,
                Registers = [new Register("r", offset, width, RegisterKind.ReadWrite)] }],
        };
        Assert.StartsWith("Function 0001:0002: ",
            Assert.Throws<ArgumentException>(() => FunctionRules.Check(function)).Message, StringComparison.Ordinal);
    }
}
