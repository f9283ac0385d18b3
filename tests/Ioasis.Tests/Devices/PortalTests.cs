using System.Buffers.Binary;
using Ioasis.Devices;
using Ioasis.Memory;

namespace Ioasis.Tests.Devices;

/// <summary>What a model sees of submissions to a portal, by calls and by stores to a mapping.</summary>
public sealed class PortalTests : IDisposable
{
    private readonly Portal _model = new();
    private readonly SlotBench _bench;

    public PortalTests() => _bench = new SlotBench(_model);

    public void Dispose() => _bench.Dispose();

    [Fact]
    public void ASubmissionByCallIsSeenAsAWhole()
    {
        _bench.Slot.Submit(0, 0x1040, Descriptor(1));
        _bench.Slot.Write(0, 0x1040, 8, 7); // no submission
        Assert.Equal([(0x1040ul, 1ul)], _model.Seen);
        Assert.Equal(0ul, _bench.Slot.Read(0, 0x1040, 8));
    }

    [Fact]
    public void StoresToAMappingAreSeenLineByLineAndEqualOnesAgain()
    {
        HostBlock bytes = _bench.MapBar(0);
        for (int round = 1; round <= 3; round++)
        {
            for (ulong line = 0; line < 0x1000; line += 64) Store(bytes, line, 5);
            SlotBench.Until(() => _model.Count == round * 64);
        }

        Assert.Equal(Enumerable.Range(0, 64).Select(i => (ulong)i * 64),
            _model.Seen.Select(s => s.Offset).Distinct().Order());
        Assert.All(_model.Seen, s => Assert.Equal(5ul, s.Number));
        Assert.Equal(0, _model.Torn);
    }

    [Fact]
    public void OfQuickStoresToOneLineTheLastIsSeenAndNoneIsMadeUp()
    {
        HostBlock bytes = _bench.MapBar(0);
        const ulong Last = 20_000;
        for (ulong number = 1; number <= Last; number++) Store(bytes, 0x80, number);
        SlotBench.Until(() => _model.Count > 0 && _model.Seen[^1].Number == Last);
        ulong[] seen = [.. _model.Seen.Select(s => s.Number)];
        Assert.Equal(seen.Distinct().Order(), seen);
    }

    [Fact]
    public void WhatWasSubmittedBeforeADoorbellComesBeforeIt()
    {
        HostBlock portal = _bench.MapBar(0), registers = _bench.MapBar(2);
        for (ulong number = 1; number <= 2000; number++)
        {
            Store(portal, 0, number);
            registers.Write(0, (uint)number);
            ulong wanted = number;
            SlotBench.Until(() => _model.Rung == wanted);
            Assert.Equal(number, _model.SeenAtRing);
        }
    }

    [Fact]
    public void AStoreWhileTheBarDoesNotAnswerIsLost()
    {
        HostBlock bytes = _bench.MapBar(0);
        _bench.Slot.Decoding = false;
        Store(bytes, 0, 1);
        SlotBench.Until(() => bytes.Read<ulong>(0) == 0);
        _bench.Slot.Decoding = true;
        Store(bytes, 0, 2);
        SlotBench.Until(() => _model.Count > 0);
        Assert.Equal([(0ul, 2ul)], _model.Seen);
    }

    private static byte[] Descriptor(ulong number)
    {
        byte[] bytes = new byte[64];
        for (int at = 0; at < 64; at += 8) BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(at), number);
        return bytes;
    }

    /// <summary>As a processor without stores of 64 bytes does it best: the first word last.</summary>
    private static void Store(HostBlock bytes, ulong line, ulong number)
    {
        for (ulong at = 8; at < 64; at += 8) bytes.Write(line + at, number);
        bytes.Write(line, number);
    }

    private sealed class Portal : PciDeviceModel
    {
        private readonly Lock _lock = new();
        private readonly List<(ulong Offset, ulong Number)> _seen = [];

        internal (ulong Offset, ulong Number)[] Seen
        {
            get { lock (_lock) return [.. _seen]; }
        }

        internal int Count
        {
            get { lock (_lock) return _seen.Count; }
        }

        internal int Torn { get; private set; }

        internal ulong Rung;

        internal ulong SeenAtRing { get; private set; }

        public override PciFunction Function { get; } = new()
        {
            VendorId = 0x1234,
            DeviceId = 2,
            ClassCode = 0xff0000,
            Bars =
            [
                new Bar { Index = 0, Size = 8192, IsPortal = true, UnclaimedByte = 0 },
                new Bar { Index = 2, Size = 4096, Registers = [new Register("go", 0, 4, RegisterKind.Doorbell)] },
            ],
        };

        public override void Plug(IPciSlot slot)
        {
        }

        public override void Submit(int bar, ulong offset, ReadOnlySpan<byte> descriptor)
        {
            ulong number = BinaryPrimitives.ReadUInt64LittleEndian(descriptor);
            if (!descriptor.SequenceEqual(Descriptor(number))) Torn++;
            lock (_lock) _seen.Add((offset, number));
        }

        public override void Ring(int bar, Register register, ulong value)
        {
            SeenAtRing = Seen[^1].Number;
            Volatile.Write(ref Rung, value);
        }

        public override void Reset()
        {
        }

        public override void Unplug()
        {
        }
    }
}
