using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Memory.Threads;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Iommufd.Objects;

/// <summary>
/// A queue of a guest's events of one type, numbered in order, until the program reads them (Linux: struct
/// iommufd_veventq). Its capacity is set when it is made. If more events come, a header without an event reports the
/// gap in the numbers.
/// </summary>
public sealed class VeventQueue : IommufdObject
{
    /// <summary>The largest capacity of a queue.</summary>
    internal const uint MaxDepth = 1 << 19;

    private const int RecordCost = 128; // bytes of our memory, besides the event's own

    private readonly ObjectTable _objects;
    private readonly IommufdViommu _viommu;
    private readonly uint _depth;

    // Guards everything below. Taken after the vIOMMU's lock of its queues. Only the budget's lock is taken within it.
    private readonly RankedLock _lock = new(LockRank.VeventQueue);
    private readonly LinkedList<byte[]> _records = []; // each with its header
    // lengths of records that were taken but that the program has not read yet
    private readonly Queue<int> _inTransit = new();
    private long _arrivedBytes; // of records that have left transit
    private int _events; // in _records
    private int _transitEvents;
    private uint _sequence;
    private Action? _readable;
    private Func<long>? _readBytes;

    internal VeventQueue(ObjectTable objects, IommufdViommu viommu, uint type, uint depth)
    {
        _objects = objects;
        _viommu = viommu;
        _depth = depth;
        Type = type;
        objects.AddUser(viommu);
    }

    /// <summary>The type of its events.</summary>
    public uint Type { get; }

    /// <summary>The vIOMMU whose events they are.</summary>
    internal IommufdViommu Viommu => _viommu;

    /// <summary>Whether a record is unread.</summary>
    internal bool HasUnread
    {
        get { using (_lock.Enter()) return _records.Count > 0; }
    }

    private static int HeaderSize => Unsafe.SizeOf<IommufdVeventHeader>();

    /// <summary>Connects the program's side. Called once, before the first event.</summary>
    /// <param name="readable">Called when there is a record.</param>
    /// <param name="readBytes">Returns how many of the taken bytes the program has read. The others count towards the
    /// capacity.</param>
    internal void Connect(Action readable, Func<long> readBytes)
    {
        _readable = readable;
        _readBytes = readBytes;
    }

    /// <summary>Adds an event; if the queue is full, counts it as lost.</summary>
    internal void Add(ReadOnlySpan<byte> data)
    {
        using (_lock.Enter())
        {
            CountTransit();
            bool isFull = (uint)(_events + _transitEvents) >= _depth
                || !_objects.Budget.TryTake(RecordCost + data.Length);
            var header = new IommufdVeventHeader
            {
                Sequence = _sequence,
                Flags = isFull ? IOMMU_VEVENTQ_FLAG_LOST_EVENTS : 0
            };
            _sequence = (_sequence + 1) & int.MaxValue;
            // a former header without an event is redundant: the gap in the numbers reports the loss
            if (_records.Last is { Value: var last } && last.Length == HeaderSize) _records.RemoveLast();
            _records.AddLast([.. MemoryMarshal.AsBytes(new ReadOnlySpan<IommufdVeventHeader>(in header)),
                .. isFull ? default : data]);
            if (!isFull) _events++;
        }

        _readable?.Invoke();
    }

    /// <summary>Takes the next record, if it fits.</summary>
    /// <param name="buffer">Receives the record.</param>
    /// <param name="inTransit">Whether the program has yet to read it.</param>
    /// <returns>Its length in bytes, whether taken or not; 0 if there is none.</returns>
    internal int TryTake(Span<byte> buffer, bool inTransit)
    {
        using (_lock.Enter())
        {
            if (_records.First is not { Value: var record }) return 0;
            if (record.Length > buffer.Length) return record.Length;
            record.CopyTo(buffer);
            _records.RemoveFirst();
            bool isEvent = record.Length > HeaderSize;
            if (isEvent) _events--;
            if (isEvent) _objects.Budget.Give(CostOf(record));
            if (!inTransit) return record.Length;
            _inTransit.Enqueue(record.Length);
            if (isEvent) _transitEvents++;
            return record.Length;
        }
    }

    /// <summary>
    /// Puts back a record that could not be delivered. A record of lost events is put back only if there is no other
    /// record.
    /// </summary>
    internal void Restore(byte[] record)
    {
        using (_lock.Enter())
        {
            bool isEvent = record.Length > HeaderSize;
            if (!isEvent && _records.Count > 0) return;
            _records.AddFirst(record);
            if (isEvent) _events++;
            if (isEvent) _objects.Budget.Take(CostOf(record));
        }
    }

    internal override void Destroy()
    {
        _viommu.Remove(this);
        using (_lock.Enter())
        {
            foreach (byte[] record in _records)
                if (record.Length > HeaderSize) _objects.Budget.Give(CostOf(record));
            _records.Clear();
        }

        _objects.RemoveUser(_viommu);
    }

    private static int CostOf(byte[] record) => RecordCost + record.Length - HeaderSize;

    private void CountTransit()
    {
        if (_inTransit.Count == 0) return;
        long read = _readBytes?.Invoke() ?? 0;
        while (_inTransit.TryPeek(out int length) && _arrivedBytes + length <= read)
        {
            _inTransit.Dequeue();
            _arrivedBytes += length;
            if (length > HeaderSize) _transitEvents--;
        }
    }
}
