using Ioasis.Devices.Net;

namespace Ioasis.Devices.Virtio.Net;

/// <summary>A pair of a card's queues: one to receive, one to transmit. One thread serves it.</summary>
internal sealed class NetPair
{
    private const int Batch = 32, Room = 1 << 20, MostBuffers = 256;
    private readonly VirtioNetDevice _card;
    private readonly VirtQueue _receive, _transmit;
    private readonly FrameQueue _inbox = new(Room);
    private readonly VirtChain _sending = new();
    private readonly List<VirtChain> _receiving = [new()];
    private readonly byte[] _bytes = new byte[NetHeader.Size + NetFrame.MostBytes];
    private int _headerSize;
    private bool _mergesBuffers, _completesChecksums, _passesChecksums;
    private volatile bool _mayTransmit = true;

    internal NetPair(VirtioNetDevice card, int number, VirtQueue receive, VirtQueue transmit)
    {
        _card = card;
        Number = number;
        _receive = receive;
        _transmit = transmit;
    }

    internal int Number { get; }

    /// <summary>The driver starts the card, with these features.</summary>
    internal void Start(ulong features)
    {
        _mergesBuffers = (features & NetFeatures.MergeableBuffers) != 0;
        bool isModern = (features & VirtioFeatures.Version1) != 0;
        _headerSize = isModern || _mergesBuffers ? NetHeader.Size : NetHeader.LegacySize;
        _completesChecksums = (features & NetFeatures.Checksum) != 0;
        _passesChecksums = _completesChecksums && (features & NetFeatures.GuestChecksum) != 0;
        _mayTransmit = true;
    }

    internal void Reset() => _inbox.Clear();

    /// <summary>A frame for the driver, from any thread; dropped if too many wait.</summary>
    internal void Receive(ReadOnlySpan<byte> frame) => _inbox.TryAdd(frame);

    /// <summary>The link takes frames again.</summary>
    internal void Writable() => _mayTransmit = true;

    /// <summary>Serves both queues until nothing is left.</summary>
    internal void Serve(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested && (Deliver(stop) | Transmit(stop)))
        {
            _receive.Flush();
            _transmit.Flush();
        }
    }

    /// <summary>Gives frames of others to the driver; whether there may be more.</summary>
    private bool Deliver(CancellationToken stop)
    {
        // without a buffer a frame waits in the inbox
        for (int i = 0; i < Batch; i++)
        {
            if (stop.IsCancellationRequested || !_inbox.HasAny || !_receive.Look()) return false;
            int count = _inbox.TryTake(_bytes.AsSpan(NetHeader.Size));
            if (count == 0) return false;
            NetHeader.Clear(_bytes.AsSpan(0, NetHeader.Size));
            Deliver(count);
        }

        return true;
    }

    /// <summary>Takes frames of the driver; whether there may be more.</summary>
    private bool Transmit(CancellationToken stop)
    {
        for (int i = 0; i < Batch; i++)
        {
            if (stop.IsCancellationRequested || !_mayTransmit || !_transmit.TryPop(_sending)) return false;
            if (TryRead(out int count) && !TrySend(count))
            {
                _transmit.Return(); // the link has no room: the frame is sent when it has
                return false;
            }

            _transmit.Push(_sending, 0);
        }

        return true;
    }

    /// <summary>Reads a frame, after its header of full size; false if it is none.</summary>
    private bool TryRead(out int count)
    {
        ulong all = _sending.ReadableBytes;
        count = (int)Math.Min(all, int.MaxValue) - _headerSize;
        if (count is < NetFrame.HeaderSize or > NetFrame.MostBytes) return false;
        if (!_sending.Read(0, _bytes.AsSpan(NetHeader.Size - _headerSize, _headerSize + count))) return false;
        if (_headerSize != NetHeader.Size)
        {
            // the legacy header ends before the number of buffers
            _bytes.AsSpan(NetHeader.Size - _headerSize, _headerSize).CopyTo(_bytes);
        }

        return !NetHeader.NeedsSegments(_bytes);
    }

    private bool TrySend(int count)
    {
        Span<byte> header = _bytes.AsSpan(0, NetHeader.Size), frame = _bytes.AsSpan(NetHeader.Size, count);
        bool isPartial = _completesChecksums && NetHeader.NeedsChecksum(header);
        NetPair? own = _card.Loopback(this);
        if (isPartial && !(own == this && _passesChecksums))
        {
            if (!NetFrame.TryCompleteChecksum(frame, NetHeader.ChecksumStart(header), NetHeader.ChecksumField(header)))
                return true; // dropped
            isPartial = false;
        }

        if (own is null)
        {
            if (!_card.TrySend(Number, frame))
            {
                _mayTransmit = false;
                if (!_card.TrySend(Number, frame)) return false;
                _mayTransmit = true;
            }
        }

        _card.Capture?.Add(frame);
        if (own is null || !_card.Filter.Accepts(frame)) return true;
        if (own != this)
        {
            _card.ReceiveAt(own, frame);
            return true;
        }

        if (isPartial) NetHeader.KeepChecksum(header);
        else NetHeader.Clear(header);
        Deliver(count);
        return true;
    }

    /// <summary>
    /// Writes a frame and its header to the driver's buffers. Dropped if they are too few or too short.
    /// </summary>
    private void Deliver(int count)
    {
        Span<byte> header = _bytes.AsSpan(0, NetHeader.Size);
        int total = _headerSize + count, buffers = 0;
        ulong room = 0;
        while (room < (uint)total)
        {
            if (buffers == (_mergesBuffers ? MostBuffers : 1)) break;
            if (buffers == _receiving.Count) _receiving.Add(new VirtChain());
            if (!_receive.TryPop(_receiving[buffers])) break;
            room += _receiving[buffers++].WritableBytes;
        }

        if (room < (uint)total)
        {
            _receive.Return(); // the next frame gets them
            return;
        }

        NetHeader.SetBuffers(header, buffers);
        if (_headerSize != NetHeader.Size) header[.._headerSize].CopyTo(_bytes.AsSpan(NetHeader.Size - _headerSize));
        ReadOnlySpan<byte> left = _bytes.AsSpan(NetHeader.Size - _headerSize, total);
        for (int i = 0; i < buffers; i++)
        {
            VirtChain chain = _receiving[i];
            int part = (int)Math.Min((ulong)left.Length, chain.WritableBytes);
            // a buffer outside of memory is lost with its frame
            _receive.Push(chain, chain.Write(0, left[..part]) ? (uint)part : 0);
            left = left[part..];
        }
    }
}
