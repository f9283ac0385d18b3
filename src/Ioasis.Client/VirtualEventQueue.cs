using System.Runtime.InteropServices;
using Ioasis.Abi;

namespace Ioasis.Client;

/// <summary>An event that a virtual IOMMU is to show its guest.</summary>
/// <param name="Sequence">Counts events; where numbers are missing, events were lost.</param>
/// <param name="Data">The event, in the form of the queue's type; empty where events after the last one were lost
/// (IOMMU_VEVENTQ_FLAG_LOST_EVENTS).</param>
public sealed record VirtualEvent(uint Sequence, ReadOnlyMemory<byte> Data);

/// <summary>Events of a virtual IOMMU (IOMMU_VEVENTQ_ALLOC). One thread at a time uses it.</summary>
public sealed class VirtualEventQueue : QueueReader
{
    private const ulong Room = 64 * 1024;

    private readonly int _dataLength;
    private byte[] _rest = [];

    /// <summary>Takes over the file of a queue.</summary>
    /// <param name="nodes">Where it was made.</param>
    /// <param name="file">The descriptor that the ioctl returned, adopted (<see cref="NodeTransport.Adopt"/>).</param>
    /// <param name="dataLength">Bytes of an event of the queue's type, without its header.</param>
    public VirtualEventQueue(NodeTransport nodes, NodeHandle file, int dataLength) : base(nodes, file, Room)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(dataLength);
        _dataLength = dataLength;
    }

    /// <summary>Reads the events that are there, waiting for one if there is none.</summary>
    /// <param name="timeout">How long to wait at most; then the answer is empty.</param>
    /// <exception cref="IommuException">The queue cannot be read.</exception>
    public IReadOnlyList<VirtualEvent> Read(TimeSpan timeout)
    {
        // Linux gives whole events; a pipe, which it is under run, may cut the last one.
        ReadOnlyMemory<byte> bytes = (byte[])[.. _rest, .. ReadBytes(Room, timeout)];
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
