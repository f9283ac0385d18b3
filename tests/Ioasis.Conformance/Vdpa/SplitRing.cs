using Ioasis.Client;
using Ioasis.Memory;

namespace Ioasis.Conformance.Vdpa;

/// <summary>
/// The driver's side of a split queue (virtio 1.3, 2.7) with one chain at a time. Its memory begins with the
/// descriptors, the available ring and the used ring, a page each; a page for the driver's own bytes follows.
/// </summary>
internal sealed class SplitRing : IDisposable
{
    internal const ulong Length = 4 * UapiTest.Page;

    /// <summary>Where the page for the driver's own bytes begins.</summary>
    internal const ulong Room = 3 * UapiTest.Page;

    private const ulong Available = UapiTest.Page, Used = 2 * UapiTest.Page;
    private const ushort Entries = 16, Next = 1, WrittenByDevice = 2;
    private readonly VdpaQueue _queue;
    private readonly UserEvent _kick, _call;
    private readonly SharedBytes? _bytes; // what the ring is in, if somebody else has its memory
    private readonly UserMemory? _memory; // else
    private ushort _offered;

    /// <summary>Allocates the ring. Nothing is mapped, and the device does not know of it.</summary>
    /// <param name="nodes">The process.</param>
    /// <param name="queue">The queue.</param>
    /// <param name="iova">The ring's IOVA; null for the address that the ring has in the process.</param>
    internal SplitRing(NodeTransport nodes, VdpaQueue queue, ulong? iova) : this(nodes, queue)
    {
        _memory = nodes.Allocate(Length);
        Iova = new Iova(iova ?? Memory.Address.Value);
    }

    /// <summary>Puts the ring into memory that the device reaches already.</summary>
    /// <param name="nodes">The process.</param>
    /// <param name="queue">The queue.</param>
    /// <param name="bytes">The memory.</param>
    /// <param name="iova">Its IOVA.</param>
    internal SplitRing(NodeTransport nodes, VdpaQueue queue, SharedBytes bytes, Iova iova) : this(nodes, queue) =>
        (_bytes, Iova) = (bytes, iova);

    private SplitRing(NodeTransport nodes, VdpaQueue queue)
    {
        _queue = queue;
        _kick = nodes.CreateEvent();
        _call = nodes.CreateEvent();
    }

    internal UserMemory Memory => _memory ?? throw new InvalidOperationException("The memory is somebody else's.");

    internal Iova Iova { get; }

    /// <summary>Number of chains that the device has given back.</summary>
    internal ushort UsedIndex => Read<ushort>(Used + 2);

    /// <summary>Whether the device wants to be notified of a chain that is offered now.</summary>
    internal bool WantsNotification => (Read<ushort>(Used) & 1) == 0;

    /// <summary>Bytes that the device wrote to the chain that it gave back last.</summary>
    internal uint WrittenBytes => Read<uint>(Used + 8 + (8 * (ulong)((UsedIndex - 1) % Entries)));

    /// <summary>Empties the ring, tells the device of it and enables the queue, before DRIVER_OK.</summary>
    internal void SetUp()
    {
        if (_bytes is { } bytes) bytes.Clear();
        else Memory.Clear();
        _offered = 0;
        _queue.SetSize(Entries);
        _queue.SetAddresses(Iova, new Iova(Iova.Value + Available), new Iova(Iova.Value + Used));
        _queue.SetKick(_kick);
        _queue.SetCall(_call);
        _queue.Enable();
    }

    /// <summary>IOVA of a byte of the ring's memory.</summary>
    internal ulong At(ulong offset) => Iova.Value + offset;

    /// <summary>Offers a chain to the device without a notification.</summary>
    /// <returns>The notification of a driver that gives data with it (NOTIFICATION_DATA).</returns>
    internal uint Offer(params ReadOnlySpan<RingPart> chain)
    {
        for (int i = 0; i < chain.Length; i++)
        {
            bool isLast = i == chain.Length - 1;
            ulong at = (ulong)i * 16;
            int flags = (isLast ? 0 : Next) | (chain[i].IsWritten ? WrittenByDevice : 0);
            Write(at, chain[i].Iova);
            Write(at + 8, chain[i].Length);
            Write(at + 12, (uint)(flags | (isLast ? 0 : (i + 1) << 16)));
        }

        Write(Available + 4 + (2 * (ulong)(_offered % Entries)), (ushort)0);
        Thread.MemoryBarrier(); // the index comes after what it stands for
        Write(Available + 2, ++_offered);
        Thread.MemoryBarrier();
        return _queue.Index | ((uint)_offered << 16);
    }

    /// <summary>Notifies the device by the eventfd.</summary>
    internal void Kick() => _kick.Signal();

    /// <summary>Waits until the device has given all chains back.</summary>
    internal void WaitForUsed() => UapiTest.Until(() => UsedIndex == _offered, "a used chain");

    /// <summary>Waits for an interrupt of the queue.</summary>
    internal bool WaitForCall() => _call.Wait(UapiTest.Patience) != 0;

    public void Dispose()
    {
        _kick.Dispose();
        _call.Dispose();
        _memory?.Dispose();
    }

    private T Read<T>(ulong offset) where T : unmanaged =>
        _bytes is { } bytes ? bytes.Read<T>(offset) : Memory.Read<T>(offset);

    private void Write<T>(ulong offset, T value) where T : unmanaged
    {
        if (_bytes is { } bytes) bytes.Write(offset, value);
        else Memory.Write(offset, value);
    }
}

/// <summary>A descriptor of a chain.</summary>
/// <param name="Iova">IOVA of its first byte.</param>
/// <param name="Length">Bytes.</param>
/// <param name="IsWritten">Whether the device writes them, and does not read them.</param>
internal readonly record struct RingPart(ulong Iova, uint Length, bool IsWritten = false);
