using Ioasis.Core.Domains;
using Ioasis.Memory;
using static Ioasis.Devices.Virtio.VirtioFeatures;

namespace Ioasis.Tests.Devices.Virtio;

/// <summary>Memory that nobody brings holds up no stop of a device.</summary>
public sealed class VirtioMissingTests
{
    private const ulong Missing = 0x7000_0000, Data = VirtioBench.Data;

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

    private static WaitingMemory Map(VirtioBench bench)
    {
        var memory = new WaitingMemory(0x1000);
        bench.Domains[0].Mappings.Map(new IovaRange(Missing, Missing + 0xfff), memory, 0, MapAccess.ReadWrite);
        return memory;
    }

    /// <summary>Memory that is missing until it is brought.</summary>
    private sealed class WaitingMemory(ulong length) : MemoryBacking(length, writable: true, 0)
    {
        private readonly byte[] _bytes = new byte[length];
        private volatile bool _isBrought;
        private int _waits;

        internal int Waits => Volatile.Read(ref _waits);

        internal void Bring() => _isBrought = true;

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
            _bytes.AsSpan((int)offset, destination.Length).CopyTo(destination);
            return true;
        }

        public override bool TryWrite(ulong offset, ReadOnlySpan<byte> source)
        {
            if (!_isBrought) return false;
            source.CopyTo(_bytes.AsSpan((int)offset));
            return true;
        }
    }
}
