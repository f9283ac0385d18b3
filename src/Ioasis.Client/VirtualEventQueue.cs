using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Ioasis.Abi;

namespace Ioasis.Client;

/// <summary>An event that a virtual IOMMU reports to its guest.</summary>
/// <param name="Sequence">Number of the event. A gap means lost events.</param>
/// <param name="Data">The event, in the format of the queue's type. Empty if events after the last one were lost
/// (IOMMU_VEVENTQ_FLAG_LOST_EVENTS).</param>
public sealed record VirtualEvent(uint Sequence, ReadOnlyMemory<byte> Data);

/// <summary>A queue of events of a virtual IOMMU (IOMMU_VEVENTQ_ALLOC). For one thread at a time.</summary>
public sealed class VirtualEventQueue : QueueReader
{
    private const ulong Room = 64 * 1024;

    private readonly int _dataLength;
    private byte[] _rest = [];

    /// <summary>Takes over the file of a queue.</summary>
    /// <param name="nodes">The transport that made it.</param>
    /// <param name="file">The descriptor that the ioctl returned, adopted (<see cref="NodeTransport.Adopt"/>).</param>
    /// <param name="dataLength">Bytes of an event of the queue's type, without the header.</param>
    public VirtualEventQueue(NodeTransport nodes, NodeHandle file, int dataLength) : base(nodes, file, Room)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(dataLength);
        _dataLength = dataLength;
    }

    /// <summary>Reads the events in the queue; waits for one if it is empty.</summary>
    /// <param name="timeout">The longest wait. The result is empty after it.</param>
    /// <exception cref="IommuException">The queue cannot be read.</exception>
    public IReadOnlyList<VirtualEvent> Read(TimeSpan timeout) => Parse(ReadBytes(Room, timeout));

    /// <summary>Reads events as they come, until the queue is closed.</summary>
    /// <param name="cancellation">Ends the sequence with <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="IommuException">The queue cannot be read.</exception>
    public async IAsyncEnumerable<VirtualEvent> ReadAllAsync(
        [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        while (await ReadBytesAsync(Room, cancellation).ConfigureAwait(false) is { Length: > 0 } bytes)
            foreach (VirtualEvent e in Parse(bytes)) yield return e;
    }

    private List<VirtualEvent> Parse(byte[] read)
    {
        // Linux returns whole events. Under run the queue is a pipe, which may cut the last event.
        ReadOnlyMemory<byte> bytes = (byte[])[.. _rest, .. read];
        var events = new List<VirtualEvent>();
        int headerLength = (int)NodeClient.SizeOf<IommufdVeventHeader>();
        while (bytes.Length >= headerLength)
        {
            var header = MemoryMarshal.Read<IommufdVeventHeader>(bytes.Span);
            int length = (header.Flags & IommufdH.IOMMU_VEVENTQ_FLAG_LOST_EVENTS) != 0 ? 0 : _dataLength;
            if (bytes.Length < headerLength + length) break;
            events.Add(new VirtualEvent(header.Sequence, bytes.Slice(headerLength, length)));
            bytes = bytes[(headerLength + length)..];
        }

        _rest = bytes.ToArray();
        return events;
    }
}
