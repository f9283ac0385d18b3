using System.Buffers.Binary;
using Ioasis.Memory.Threads;

namespace Ioasis.Devices.Net;

/// <summary>
/// Frames between two threads, in a buffer of a fixed size. A frame without room is dropped. Thread-safe.
/// </summary>
/// <param name="capacity">Bytes of the buffer; each frame takes four more than it has.</param>
internal sealed class FrameQueue(int capacity)
{
    private const int LengthSize = sizeof(int);

    // Guards the buffer. No other lock is taken while it is held.
    private readonly RankedMonitor _lock = new(LockRank.FrameQueue);
    private readonly byte[] _bytes = new byte[capacity];
    private int _first, _count; // bytes
    private bool _closed;
    private volatile bool _any;

    /// <summary>Whether a frame is there. May be old by the time it is known.</summary>
    internal bool HasAny => _any;

    /// <summary>Adds a frame; false if there is no room.</summary>
    internal bool TryAdd(ReadOnlySpan<byte> frame)
    {
        using (_lock.Enter())
        {
            if (_closed || frame.Length > capacity - LengthSize - _count) return false;
            Span<byte> length = stackalloc byte[LengthSize];
            BinaryPrimitives.WriteInt32LittleEndian(length, frame.Length);
            Append(length);
            Append(frame);
            if (!_any) _lock.Pulse();
            _any = true;
            return true;
        }
    }

    /// <summary>Takes the first frame; 0 if there is none.</summary>
    /// <param name="into">Gets the frame. A longer frame is cut.</param>
    internal int TryTake(Span<byte> into)
    {
        if (!_any) return 0;
        using (_lock.Enter()) return Take(into);
    }

    /// <summary>Waits for a frame and takes it; 0 if the queue was closed.</summary>
    internal int TakeNext(Span<byte> into)
    {
        using (_lock.Enter())
        {
            while (!_any && !_closed) _lock.Wait();
            return _closed ? 0 : Take(into);
        }
    }

    /// <summary>Drops all frames.</summary>
    internal void Clear()
    {
        using (_lock.Enter())
        {
            _first = _count = 0;
            _any = false;
        }
    }

    /// <summary>Ends the waiting of a thread; nothing is added any more.</summary>
    internal void Close()
    {
        using (_lock.Enter())
        {
            _closed = true;
            _lock.PulseAll();
        }
    }

    private int Take(Span<byte> into)
    {
        if (_count == 0) return 0;
        Span<byte> header = stackalloc byte[LengthSize];
        Remove(header);
        int length = BinaryPrimitives.ReadInt32LittleEndian(header), taken = Math.Min(length, into.Length);
        Remove(into[..taken]);
        _first = (_first + length - taken) % capacity;
        _count -= length - taken;
        _any = _count != 0;
        return taken;
    }

    private void Append(ReadOnlySpan<byte> bytes)
    {
        int at = (_first + _count) % capacity, before = Math.Min(bytes.Length, capacity - at);
        bytes[..before].CopyTo(_bytes.AsSpan(at));
        bytes[before..].CopyTo(_bytes);
        _count += bytes.Length;
    }

    private void Remove(Span<byte> bytes)
    {
        int before = Math.Min(bytes.Length, capacity - _first);
        _bytes.AsSpan(_first, before).CopyTo(bytes);
        _bytes.AsSpan(0, bytes.Length - before).CopyTo(bytes[before..]);
        _first = (_first + bytes.Length) % capacity;
        _count -= bytes.Length;
    }
}
