using Ioasis.Core.Domains;
using Ioasis.Memory;
using static Ioasis.Devices.Virtio.VirtioFeatures;

namespace Ioasis.Tests.Devices.Virtio;

/// <summary>Memory that nobody brings holds up no stop of a device.</summary>
public sealed class VirtioMissingTests
{
    private const ulong Missing = 0x7000_0000, Data = VirtioBench.Data;
    private const ulong RingAt = 0x100000, Room = 0x20000; // where the missing memory lies in the bench's

    public static TheoryData<ulong> Formats => [Version1, Version1 | PackedRing];

    [Theory]
    [MemberData(nameof(Formats))]
    public void ADeviceThatWaitsForDataIsSuspendedAndGoesOnLater(ulong features)
    {
        using var bench = new VirtioBench(new EchoModel());
        DriverRing ring = bench.Start(features, size: 8)[0];
        WaitingMemory memory = Map(bench);
        int? token = ring.Add([new Part(Missing, 8, false), new Part(Data, 8, true)]);
        bench.Slot.Kick(0);
        Until.True(() => memory.Waits > 0);
        bench.Slot.Suspend();
        Assert.Equal(ring.FirstBase & 0xffff, bench.Slot.GetBase(0) & 0xffff);
        Assert.Null(ring.Reap());
        memory.Bring();
        bench.Slot.Resume();
        Assert.Equal((token!.Value, 8u), ring.Await());
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void ADeviceThatWaitsForItsRingIsStoppedAndReset(ulong features)
    {
        using var bench = new VirtioBench(new EchoModel());
        bench.Start(features, enabled: 0);
        WaitingMemory memory = Map(bench);
        DriverRing ring = bench.NewRing(features, 0, 8);
        bench.Slot.SetSize(0, 8);
        bench.Slot.SetAddresses(0, ring.Descriptors, ring.Driver, Missing);
        bench.Slot.SetBase(0, ring.FirstBase);
        ring.Add([new Part(Data, 8, false)]);
        bench.Slot.SetEnabled(0, true);
        Until.True(() => memory.Waits > 0);
        bench.Slot.SetEnabled(0, false);
        Assert.Equal(ring.FirstBase & 0xffff, bench.Slot.GetBase(0) & 0xffff);
        int waits = memory.Waits;
        bench.Slot.SetEnabled(0, true);
        Until.True(() => memory.Waits > waits);
        bench.Slot.SetStatus(0);
        Assert.False(bench.Slot.HasFailed);
        ring = bench.Start(features, size: 8)[0];
        ring.Add([new Part(Data, 8, false)]);
        bench.Slot.Kick(0);
        ring.Await();
    }

    /// <summary>
    /// Each chain is given back once, and as the driver made it, also if the ring goes away when some chains of a batch
    /// were given back. The driver hears of those that it sees.
    /// </summary>
    [Theory]
    [MemberData(nameof(Formats))]
    public void ARingThatGoesAwayWithinABatchGoesOnLater(ulong features)
    {
        var model = new EchoModel();
        using var bench = new VirtioBench(model);
        bench.Start(features | EchoModel.ManyAtOnce, enabled: 0);
        WaitingMemory memory = Map(bench, Room);
        memory.Bring();
        DriverRing ring = NewRing(bench, features);
        int[] tokens = [.. Enumerable.Range(0, 4).Select(i => Add(bench, ring, i))];
        int taken = 0;
        model.Taken = _ =>
        {
            if (++taken == 3) memory.Lose();
        };
        bench.Set(0, ring);
        Until.True(() => memory.Waits > 0);
        bench.Slot.Suspend();
        model.Taken = null;
        uint done = ((bench.Slot.GetBase(0) & 0x7fff) - (ring.FirstBase & 0x7fff)) / (ring is PackedDriver ? 2u : 1);
        Assert.Equal(done == 0 ? 0 : 1, bench.SignalsOf(0));
        for (int i = 0; i < done; i++) Assert.Equal((tokens[i], Length(i)), ring.Reap());
        Assert.Null(ring.Reap());
        memory.Bring();
        bench.Slot.Resume();
        for (int i = (int)done; i < tokens.Length; i++) Assert.Equal((tokens[i], Length(i)), ring.Await());
        Assert.Equal(0, ring.Outstanding);
        for (int i = 0; i < 9; i++) Assert.Equal((Add(bench, ring, i, kicks: true), Length(i)), ring.Await());
        Assert.False(bench.Slot.HasFailed);

        static uint Length(int i) => (uint)i + 5;

        static int Add(VirtioBench bench, DriverRing ring, int i, bool kicks = false)
        {
            ulong from = Data + ((ulong)i * 0x100);
            int token = ring.Add([new Part(from, Length(i), false), new Part(from + 0x80, 0x40, true)])!.Value;
            if (kicks) bench.Slot.Kick(0);
            return token;
        }
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void ADriverWhoseWishIsMissingIsInterrupted(ulong features)
    {
        var model = new EchoModel();
        using var bench = new VirtioBench(model);
        bench.Start(features, enabled: 0);
        WaitingMemory memory = Map(bench, Room);
        memory.Bring();
        DriverRing ring = NewRing(bench, features);
        int token = ring.Add([new Part(Data, 8, false)])!.Value;
        model.Taken = _ => memory.Lose();
        bench.Slot.SetSize(0, 8);
        bench.Slot.SetBase(0, ring.FirstBase);
        ulong descriptors = ring is PackedDriver ? InHost(ring.Descriptors) : ring.Descriptors;
        bench.Slot.SetAddresses(0, descriptors, ring.Driver, InHost(ring.Device));
        bench.Slot.SetEnabled(0, true);
        Until.True(() => memory.Waits > 0);
        bench.Slot.Suspend();
        Assert.Equal(1, bench.SignalsOf(0));
        Assert.Equal((token, 0u), ring.Reap());
        Assert.NotEqual(ring.FirstBase & 0xffff, bench.Slot.GetBase(0) & 0xffff);
    }

    private static ulong InHost(ulong address) => address - Missing + VirtioBench.Base + RingAt;

    /// <summary>A driver's ring in memory that can go away.</summary>
    private static DriverRing NewRing(VirtioBench bench, ulong features) => (features & PackedRing) != 0
        ? new PackedDriver(bench.Memory, Missing - RingAt, Missing, 8, features)
        : new SplitDriver(bench.Memory, Missing - RingAt, Missing, 8, features);

    private static WaitingMemory Map(VirtioBench bench, ulong length = 0x1000)
    {
        var memory = new WaitingMemory(bench.Memory, length);
        bench.Domains[0].Mappings.Map(
            new IovaRange(Missing, Missing + length - 1), memory, 0, MapAccess.ReadWrite);
        return memory;
    }

    /// <summary>Memory that is missing until it is brought, and again when it is lost.</summary>
    private sealed class WaitingMemory(HostBlock block, ulong length) : MemoryBacking(length, writable: true, 0)
    {
        private volatile bool _isBrought;
        private int _waits;

        internal int Waits => Volatile.Read(ref _waits);

        internal void Bring() => _isBrought = true;

        internal void Lose() => _isBrought = false;

        public override bool TryPopulate(ulong offset, ulong length) => true;

        public override bool TryBring(ulong offset, ulong length, bool write, CancellationToken stop)
        {
            Interlocked.Increment(ref _waits);
            Until.True(() => _isBrought || stop.IsCancellationRequested);
            stop.ThrowIfCancellationRequested();
            return true;
        }

        public override bool TryRead(ulong offset, Span<byte> destination)
        {
            if (!_isBrought) return false;
            block.CopyTo(RingAt + offset, destination);
            return true;
        }

        public override bool TryWrite(ulong offset, ReadOnlySpan<byte> source)
        {
            if (!_isBrought) return false;
            block.CopyFrom(RingAt + offset, source);
            return true;
        }
    }
}
