using Ioasis.Devices.Virtio;

namespace Ioasis.Tests.Devices.Virtio;

/// <summary>A network card that was started, with its driver. Each pair has 8 buffers of the same size.</summary>
internal sealed class NetBench : IDisposable
{
    internal const int HeaderSize = 12;
    private const ulong Frames = VirtioBench.Data, Buffers = VirtioBench.Data + 0x100000;
    private const ulong Command = VirtioBench.Data + 0x1f0000, Ack = Command + 0x8000;
    private readonly DriverRing[] _rings;
    private readonly Dictionary<(int Queue, int Token), ulong> _buffers = [];
    private readonly uint _bufferSize;
    private readonly int _headerSize;
    private ulong _nextBuffer = Buffers;

    internal NetBench(VirtioNetOptions? options, ulong features, uint bufferSize = 2048, int buffers = 8,
        int headerSize = HeaderSize)
    {
        _bufferSize = bufferSize;
        _headerSize = headerSize;
        Card = new VirtioNetDevice(options);
        Bench = new VirtioBench(Card);
        Features = features;
        _rings = Bench.Start(features, size: 32);
        for (int queue = 0; queue < _rings.Length - 1; queue += 2)
            for (int i = 0; i < buffers; i++) Give(queue);
    }

    internal VirtioNetDevice Card { get; }

    internal VirtioBench Bench { get; }

    internal ulong Features { get; }

    public void Dispose() => Bench.Dispose();

    /// <summary>Gives the card one more buffer.</summary>
    internal void Give(int queue)
    {
        ulong at = _nextBuffer;
        _nextBuffer = at + _bufferSize;
        _buffers[(queue, _rings[queue].Add([new Part(at, _bufferSize, true)])!.Value)] = at;
        Bench.Slot.Kick(queue);
    }

    /// <summary>Sends a frame and waits until the card has taken it.</summary>
    internal void Send(ReadOnlySpan<byte> frame, byte[]? header = null, int queue = 1)
    {
        Bench.Put(Frames, (header ?? new byte[_headerSize]).AsSpan(0, _headerSize));
        Bench.Put(Frames + 0x100, frame);
        Assert.NotNull(_rings[queue].Add(
            [new Part(Frames, (uint)_headerSize, false), new Part(Frames + 0x100, (uint)frame.Length, false)]));
        Bench.Slot.Kick(queue);
        Assert.Equal(0u, _rings[queue].Await().Written);
    }

    /// <summary>The next frame that the card received, in one buffer or several.</summary>
    internal (byte[] Header, byte[] Frame, int Buffers) Receive(int queue = 0)
    {
        byte[] first = Take(queue, _rings[queue].Await());
        byte[] header = first[.._headerSize];
        int buffers = _headerSize == HeaderSize ? header[10] | (header[11] << 8) : 1;
        List<byte> frame = [.. first[_headerSize..]];
        for (int i = 1; i < buffers; i++) frame.AddRange(Take(queue, _rings[queue].Reap()!.Value)); // all at once
        return (header, [.. frame], buffers);
    }

    /// <summary>Whether a frame has been received.</summary>
    internal bool HasReceived(int queue = 0)
    {
        if (_rings[queue].Reap() is not { } done) return false;
        Take(queue, done);
        return true;
    }

    /// <summary>Executes a command; whether the card did so.</summary>
    internal bool Control(byte kind, byte command, params byte[] data)
    {
        int queue = _rings.Length - 1;
        Bench.Put(Command, [kind, command, .. data]);
        Bench.Put(Ack, [0xee]);
        Assert.NotNull(_rings[queue].Add(
            [new Part(Command, 2, false), new Part(Command + 2, (uint)data.Length, false), new Part(Ack, 1, true)]));
        Bench.Slot.Kick(queue);
        Assert.Equal(1u, _rings[queue].Await().Written);
        byte ack = Bench.Bytes(Ack, 1)[0];
        Assert.InRange(ack, (byte)0, (byte)1);
        return ack == 0;
    }

    /// <summary>A frame to an address, filled with what tells it from others.</summary>
    internal static byte[] Frame(ulong to, int length, byte fill)
    {
        byte[] frame = new byte[length];
        frame.AsSpan().Fill(fill);
        for (int i = 0; i < 6; i++)
        {
            frame[i] = (byte)(to >> (40 - (8 * i)));
            frame[6 + i] = (byte)(2 + i);
        }

        (frame[12], frame[13]) = (0x88, 0xb5);
        return frame;
    }

    private byte[] Take(int queue, (int Token, uint Written) done)
    {
        Assert.True(_buffers.Remove((queue, done.Token), out ulong at));
        return Bench.Bytes(at, (int)done.Written);
    }
}
