using Ioasis.Core.Dma;
using Ioasis.Memory;

namespace Ioasis.Devices.Virtio;

/// <summary>
/// A chain of descriptors that a <see cref="VirtQueue"/> gave: bytes that the device may read, followed by bytes that
/// it may write. A model makes some chains and uses each any number of times.
/// </summary>
public sealed class VirtChain
{
    /// <summary>The most descriptors in a chain, tables included.</summary>
    internal const int MostSegments = 1024;

    private Segment[] _segments = new Segment[8];
    private DmaPort? _port;
    private int _count, _readable; // segments in all; those that the device reads, which come first
    private (int Segment, ulong Start) _reading, _writing; // where the last access was

    /// <summary>Number of bytes that the device may read.</summary>
    public ulong ReadableBytes { get; private set; }

    /// <summary>Number of bytes that the device may write.</summary>
    public ulong WritableBytes { get; private set; }

    /// <summary>Identifies the chain to the driver: index of its first descriptor (split), or buffer ID
    /// (packed).</summary>
    internal ushort Id { get; set; }

    /// <summary>Number of entries that the chain takes in a packed ring.</summary>
    internal int Entries { get; set; }

    /// <summary>Reads from the readable bytes; false if they are too few, or if memory cannot be read.</summary>
    /// <param name="offset">The first byte.</param>
    /// <param name="destination">Filled.</param>
    public bool Read(ulong offset, Span<byte> destination)
    {
        if (offset > ReadableBytes || (ulong)destination.Length > ReadableBytes - offset) return false;
        while (!destination.IsEmpty)
        {
            Segment segment = At(ref _reading, 0, offset, out ulong within);
            int count = (int)Math.Min((ulong)destination.Length, segment.Length - within);
            if (!_port!.Read(new Iova(unchecked(segment.Address + within)), destination[..count]).IsOk) return false;
            offset += (uint)count;
            destination = destination[count..];
        }

        return true;
    }

    /// <summary>Writes to the writable bytes; false if they are too few, or if memory cannot be written.</summary>
    /// <param name="offset">The first byte.</param>
    /// <param name="source">The bytes.</param>
    public bool Write(ulong offset, ReadOnlySpan<byte> source)
    {
        if (offset > WritableBytes || (ulong)source.Length > WritableBytes - offset) return false;
        while (!source.IsEmpty)
        {
            Segment segment = At(ref _writing, _readable, offset, out ulong within);
            int count = (int)Math.Min((ulong)source.Length, segment.Length - within);
            if (!_port!.Write(new Iova(unchecked(segment.Address + within)), source[..count]).IsOk) return false;
            offset += (uint)count;
            source = source[count..];
        }

        return true;
    }

    /// <summary>Empties the chain, whose bytes are reached by this port.</summary>
    internal void Begin(DmaPort port)
    {
        _port = port;
        _count = _readable = 0;
        _reading = default;
        ReadableBytes = WritableBytes = 0;
    }

    /// <summary>
    /// Adds a segment; false if the chain becomes too long, or if a readable segment follows a writable one.
    /// </summary>
    internal bool TryAdd(ulong address, uint length, bool isWritable)
    {
        if (_count == _segments.Length)
        {
            if (_count == MostSegments) return false;
            Array.Resize(ref _segments, 2 * _count);
        }

        if (!isWritable)
        {
            if (_readable != _count) return false;
            _readable++;
            ReadableBytes += length;
        }
        else
        {
            WritableBytes += length;
        }

        _segments[_count++] = new Segment(address, length);
        _writing = (_readable, 0);
        return true;
    }

    private Segment At(ref (int Segment, ulong Start) last, int first, ulong offset, out ulong within)
    {
        if (offset < last.Start) last = (first, 0);
        while (offset - last.Start >= _segments[last.Segment].Length)
            last = (last.Segment + 1, last.Start + _segments[last.Segment].Length);
        within = offset - last.Start;
        return _segments[last.Segment];
    }

    private readonly record struct Segment(ulong Address, uint Length);
}
