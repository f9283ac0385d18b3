using Ioasis.Client;
using Ioasis.Memory;

namespace Ioasis.Examples;

/// <summary>
/// The driver's side of a split virtqueue with one buffer at a time (virtio 1.x, 2.7): descriptors, the ring of
/// available buffers and the ring of used ones, a page each, and a page for the buffer.
/// </summary>
internal sealed class SplitQueue : IDisposable
{
    private const int Entries = 16;
    private const ulong Page = 4096, Available = Page, Used = 2 * Page, Buffer = 3 * Page;
    private const ushort WrittenByDevice = 2; // VIRTQ_DESC_F_WRITE

    private readonly UserMemory _memory;
    private readonly Iova _iova;
    private readonly UserEvent _kick, _call;
    private ushort _next, _seen;

    internal SplitQueue(VdpaDevice device, int index, Iova iova)
    {
        _memory = device.Nodes.Allocate(4 * Page);
        _iova = iova;
        _kick = device.Nodes.CreateEvent();
        _call = device.Nodes.CreateEvent();
        device.Map(iova, _memory);
        VdpaQueue queue = device.GetQueue(index);
        queue.SetSize(Entries);
        queue.SetAddresses(iova, new Iova(iova.Value + Available), new Iova(iova.Value + Used));
        queue.SetKick(_kick);
        queue.SetCall(_call);
        queue.Enable();
    }

    /// <summary>Gives the device the buffer to fill.</summary>
    internal void OfferRoom(int length) => Offer(length, WrittenByDevice);

    /// <summary>Gives the device the buffer to read.</summary>
    internal void OfferBytes(ReadOnlySpan<byte> bytes)
    {
        _memory.CopyFrom(Buffer, bytes);
        Offer(bytes.Length, 0);
    }

    /// <summary>Waits until the device has used the buffer; returns what it wrote.</summary>
    internal byte[] Wait(TimeSpan timeout)
    {
        long end = Environment.TickCount64 + (long)timeout.TotalMilliseconds;
        while (_memory.Read<ushort>(Used + 2) == _seen)
        {
            if (_call.Wait(TimeSpan.FromMilliseconds(Math.Max(0, end - Environment.TickCount64))) == 0
                && Environment.TickCount64 >= end)
                throw new TimeoutException("The device did not use the buffer.");
        }

        ulong element = Used + 4 + (8ul * (ulong)(_seen++ % Entries));
        return _memory.ToArray(Buffer, (int)_memory.Read<uint>(element + 4));
    }

    public void Dispose()
    {
        _kick.Dispose();
        _call.Dispose();
        _memory.Dispose();
    }

    private void Offer(int length, ushort flags)
    {
        _memory.Write(0, _iova.Value + Buffer); // descriptor 0
        _memory.Write(8, (uint)length);
        _memory.Write(12, flags);
        _memory.Write(Available + 4 + (2ul * (ulong)(_next % Entries)), (ushort)0);
        Thread.MemoryBarrier(); // the index comes after what it stands for
        _memory.Write(Available + 2, ++_next);
        Thread.MemoryBarrier();
        _kick.Signal();
    }
}
