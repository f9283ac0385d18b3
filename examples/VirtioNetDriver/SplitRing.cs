using Ioasis.Core;
using Ioasis.Core.DmaApi;
using Ioasis.Memory;

namespace Ioasis.Examples.VirtioNet;

/// <summary>
/// A split virtqueue (virtio 1.3, 2.7) in coherent memory: descriptors, the ring of available chains, the ring of used
/// ones. Its user keeps a lock around it.
/// </summary>
internal sealed class SplitRing : IDisposable
{
    private const int DescriptorSize = 16, UsedSize = 8, RingHeader = 4;
    private const ushort HasNext = 1, IsWritable = 2; // of a descriptor
    private const ushort NoNotify = 1; // the device's, without event indices

    private readonly DmaBuffer _buffer;
    private readonly SharedBytes _bytes;
    private readonly ulong _available, _used;
    private ushort _offered, _published, _taken; // as the rings' indices, which wrap
    private bool _hasEvents;

    /// <summary>Allocates a ring.</summary>
    /// <param name="dma">The device's DMA.</param>
    /// <param name="size">Entries, a power of two.</param>
    /// <exception cref="IOException">There is no memory.</exception>
    internal SplitRing(DmaDevice dma, int size)
    {
        Size = size;
        _available = (ulong)(size * DescriptorSize);
        _used = (_available + (ulong)(RingHeader + (2 * size) + 2) + 3) & ~3UL;
        IommuStatus status =
            dma.AllocateCoherent(_used + (ulong)(RingHeader + (UsedSize * size) + 2), out DmaBuffer? buffer);
        if (status != IommuStatus.Ok) throw new IOException($"No memory for a ring: {status}.");
        (_buffer, _bytes) = (buffer!, buffer!.Bytes);
    }

    internal int Size { get; }

    internal Iova Descriptors => _buffer.Address;

    internal Iova Available => new(_buffer.Address.Value + _available);

    internal Iova Used => new(_buffer.Address.Value + _used);

    /// <summary>Where the device is notified of it.</summary>
    internal ulong Doorbell { get; set; }

    private ulong UsedEvent => _available + (ulong)(RingHeader + (2 * Size)); // the driver's: when to interrupt

    private ulong AvailableEvent => _used + (ulong)(RingHeader + (UsedSize * Size)); // the device's: when to notify

    /// <summary>Empties the ring, before the device gets it.</summary>
    /// <param name="features">What was negotiated.</param>
    internal void Clear(ulong features)
    {
        _bytes.Clear();
        (_offered, _published, _taken) = (0, 0, 0);
        _hasEvents = (features & VirtioFeature.EventIndex) != 0;
    }

    /// <summary>Describes a buffer.</summary>
    /// <param name="index">The descriptor.</param>
    /// <param name="address">Where the buffer is.</param>
    /// <param name="length">Its bytes.</param>
    /// <param name="isWritable">Whether the device writes it; else it reads.</param>
    /// <param name="next">The next descriptor of the chain; null for the last one.</param>
    internal void Describe(int index, Iova address, int length, bool isWritable, int? next = null)
    {
        ulong at = (ulong)(index * DescriptorSize);
        _bytes.Write(at, address.Value);
        _bytes.Write(at + 8, (uint)length);
        _bytes.Write(at + 12, (ushort)((isWritable ? IsWritable : 0) | (next is null ? 0 : HasNext)));
        _bytes.Write(at + 14, (ushort)(next ?? 0));
    }

    /// <summary>Offers a chain, of which the device hears by <see cref="Publish"/>.</summary>
    internal void Offer(int head) =>
        _bytes.Write(_available + RingHeader + (ulong)(2 * (_offered++ & (Size - 1))), (ushort)head);

    /// <summary>Shows the device what was offered.</summary>
    /// <returns>Whether it is to be notified.</returns>
    internal bool Publish()
    {
        ushort before = _published;
        _published = _offered;
        _bytes.Write(_available + 2, _published); // after the entries
        Interlocked.MemoryBarrier(); // before the device's wish is read
        if (!_hasEvents) return (_bytes.Read<ushort>(_used) & NoNotify) == 0;
        ushort wanted = _bytes.Read<ushort>(AvailableEvent);
        return (ushort)(_published - wanted - 1) < (ushort)(_published - before);
    }

    /// <summary>Takes a chain that the device has used.</summary>
    /// <param name="head">Its first descriptor, whatever the device says: the caller checks it.</param>
    /// <param name="length">The bytes that were written.</param>
    internal bool TryTake(out uint head, out uint length)
    {
        (head, length) = (0, 0);
        if (_bytes.Read<ushort>(_used + 2) == _taken) return false;
        ulong at = _used + RingHeader + (ulong)(UsedSize * (_taken & (Size - 1)));
        (head, length) = (_bytes.Read<uint>(at), _bytes.Read<uint>(at + 4));
        _taken++;
        return true;
    }

    /// <summary>Asks for an interrupt with the next used chain.</summary>
    /// <returns>False if there is one already: no interrupt comes for it.</returns>
    internal bool TryArm()
    {
        if (_hasEvents) _bytes.Write(UsedEvent, _taken);
        Interlocked.MemoryBarrier(); // before the device's index is read again
        return _bytes.Read<ushort>(_used + 2) == _taken;
    }

    public void Dispose() => _buffer.Dispose();
}
