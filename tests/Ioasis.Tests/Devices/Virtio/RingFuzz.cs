using Ioasis.Core.Dma;
using Ioasis.Devices.Virtio;
using static Ioasis.Devices.Virtio.VirtioFeatures;

namespace Ioasis.Tests.Devices.Virtio;

/// <summary>
/// Plays rings against the device's side, on one thread: valid ones, whose chains must come through unchanged, and
/// mutated ones, which must do no harm.
/// </summary>
internal sealed class RingFuzz : IDisposable
{
    private const int MostPops = 64;
    private static readonly ulong[] s_formats =
    [
        Version1, Version1 | EventIndex, Version1 | IndirectDescriptors, Version1 | PackedRing,
        Version1 | PackedRing | IndirectDescriptors | EventIndex | InOrder,
    ];

    private readonly VirtioBench _bench = new(new EchoModel());
    private readonly Random _random;
    private readonly VirtChain _chain = new();
    private readonly DmaPort _port;
    private readonly VirtQueue _queue;
    private readonly byte[] _area = new byte[0x100];
    private readonly byte[] _before = new byte[0x5000], _after = new byte[0x5000];

    internal RingFuzz(int seed)
    {
        _random = new Random(seed);
        _port = _bench.OpenPort(0);
        _queue = _bench.Slot.Queue(0);
    }

    internal int Broken { get; private set; }

    internal int Chains { get; private set; }

    public void Dispose()
    {
        _port.Dispose();
        _bench.Dispose();
    }

    internal void PlayOne()
    {
        ulong features = s_formats[_random.Next(s_formats.Length)];
        DriverRing ring = NewRing(features, 1 << _random.Next(5));
        var settings = new RingSettings
        {
            Size = ring.Size,
            Descriptors = ring.Descriptors,
            Driver = ring.Driver,
            Device = ring.Device,
            Base = (ushort)ring.FirstBase,
        };
        Assert.True(_queue.TryStart(_port, in settings, features));
        List<(int Token, Part[] Parts)> sent = [];
        for (int i = _random.Next(1, 5); i > 0; i--) Add(ring, features, sent);
        bool isMutated = _random.Next(4) != 0;
        if (!isMutated) CheckValid(ring, sent);
        else if (_random.Next(16) == 0) CheckUntouched(ring, features);
        else PlayMutated(ring);
        if (_bench.Slot.HasFailed)
        {
            Assert.True(isMutated, "a valid ring broke the device");
            Assert.False(_queue.TryPop(_chain));
            Broken++;
        }

        _bench.Slot.Reset();
    }

    private void Add(DriverRing ring, ulong features, List<(int, Part[])> sent)
    {
        bool indirect = (features & IndirectDescriptors) != 0 && _random.Next(3) == 0;
        int readable = _random.Next(4), writable = _random.Next(4);
        if (readable + writable == 0) readable = 1;
        Part[] parts = [.. Enumerable.Range(0, readable + writable).Select(i => new Part(
            _random.Next(16) == 0 ? VirtioBench.Nowhere : VirtioBench.Data + (ulong)_random.Next(0x1000),
            (uint)_random.Next(100), i >= readable))];
        if (ring.Add(parts, indirect) is { } token) sent.Add((token, parts));
    }

    /// <summary>What was added is taken in its order and comes back.</summary>
    private void CheckValid(DriverRing ring, List<(int Token, Part[] Parts)> sent)
    {
        List<uint> written = [];
        foreach ((_, Part[] parts) in sent)
        {
            Assert.True(_queue.TryPop(_chain));
            Assert.Equal(Sum(parts, false), _chain.ReadableBytes);
            Assert.Equal(Sum(parts, true), _chain.WritableBytes);
            Access(parts);
            written.Add((uint)_random.Next());
            _queue.Push(_chain, written[^1]);
            if (_random.Next(2) == 0) _queue.Flush();
            Chains++;
        }

        Assert.False(_queue.TryPop(_chain));
        _queue.Flush();
        for (int i = 0; i < sent.Count; i++) Assert.Equal((sent[i].Token, written[i]), ring.Reap());
        Assert.Null(ring.Reap());
    }

    private static ulong Sum(Part[] parts, bool writable) =>
        parts.Where(p => p.IsWritable == writable).Aggregate(0UL, (sum, part) => sum + part.Length);

    /// <summary>Bytes at a random place in the chain are those of its parts.</summary>
    private void Access(Part[] parts)
    {
        int all = (int)_chain.ReadableBytes;
        Part[] readable = [.. parts.Where(p => !p.IsWritable && p.Length > 0)];
        if (all == 0 || readable.Any(p => p.Address == VirtioBench.Nowhere)) return;
        int offset = _random.Next(all), count = _random.Next(all - offset + 1);
        byte[] got = new byte[count];
        Assert.True(_chain.Read((ulong)offset, got));
        IEnumerable<byte> expected = readable.SelectMany(p => _bench.Bytes(p.Address, (int)p.Length));
        Assert.Equal(expected.Skip(offset).Take(count), got);
        Assert.False(_chain.Read((ulong)offset, new byte[all - offset + 1]));
    }

    /// <summary>Anything may be in the rings, and change between two looks.</summary>
    private void PlayMutated(DriverRing ring)
    {
        for (int i = _random.Next(1, 5); i > 0; i--) Mutate(ring);
        Span<byte> bytes = stackalloc byte[32];
        for (int pops = 0; pops < MostPops && _queue.TryPop(_chain); pops++)
        {
            Chains++;
            if (_random.Next(4) == 0) Mutate(ring);
            _chain.Read((ulong)_random.Next(64), bytes[.._random.Next(32)]);
            _chain.Write((ulong)_random.Next(64), bytes[.._random.Next(32)]);
            if (_random.Next(8) == 0) _queue.Return();
            _queue.Push(_chain, (uint)_random.Next());
            if (_random.Next(2) == 0) _queue.Flush();
            _queue.AskForNotifications(_random.Next(2) == 0);
        }

        _queue.Return();
    }

    /// <summary>Whatever a split ring has, the device writes only its own area.</summary>
    private void CheckUntouched(DriverRing ring, ulong features)
    {
        for (int i = _random.Next(1, 5); i > 0; i--) Mutate(ring);
        bool isPacked = (features & PackedRing) != 0;
        int from = isPacked ? 0x4000 : 0; // a packed ring's descriptors are written by both
        _bench.Memory.CopyTo(ring.Start - VirtioBench.Base, _before);
        for (int pops = 0; pops < MostPops && _queue.TryPop(_chain); pops++) _queue.Push(_chain, 1);
        _queue.Return();
        _bench.Memory.CopyTo(ring.Start - VirtioBench.Base, _after);
        Assert.True(_before.AsSpan(from).SequenceEqual(_after.AsSpan(from)), "the device wrote the driver's area");
    }

    private void Mutate(DriverRing ring)
    {
        (ulong area, int length) = _random.Next(6) switch
        {
            0 => (ring.Driver, 6 + (2 * ring.Size)),
            1 => (ring.Device, 6 + (8 * ring.Size)),
            2 => (ring.Start + 0x8000 + ((ulong)_random.Next(ring.Size) * 0x400), 0x60),
            _ => (ring.Descriptors, 16 * ring.Size),
        };
        ulong at = area - VirtioBench.Base + (ulong)(_random.Next(length) & ~1);
        ushort value = _random.Next(5) switch
        {
            0 => (ushort)_random.Next(1 << 16),
            1 => (ushort)(1 << _random.Next(16)),
            2 => (ushort)_random.Next(ring.Size + 2),
            3 => (ushort)(_bench.Memory.Read<ushort>(at) ^ (1 << _random.Next(16))),
            _ => (ushort)(_bench.Memory.Read<ushort>(at) + _random.Next(-2, 3)),
        };
        _bench.Memory.Write(at, value);
    }

    private DriverRing NewRing(ulong features, int size)
    {
        const ulong at = VirtioBench.Base;
        _bench.Memory.CopyFrom(0, _area);
        _bench.Memory.CopyFrom(0x4000, _area.AsSpan(0, 0x40));
        _bench.Memory.CopyFrom(0x5000, _area);
        return (features & PackedRing) != 0
            ? new PackedDriver(_bench.Memory, at, at, size, features)
            : new SplitDriver(_bench.Memory, at, at, size, features, (ushort)(_random.Next(4) == 0 ? 65534 : 0));
    }
}
