using Ioasis.Core.Observation;
using Ioasis.Memory.Threads;

namespace Ioasis.Core.Faults;

/// <summary>
/// The faults of one unit: the newest ones, in a ring of fixed size, so that a faulting device cannot exhaust the host.
/// </summary>
public sealed class FaultLog : MachineObserver
{
    /// <summary>How many records are kept.</summary>
    public const int Capacity = 256;

    // Guards everything below. Nothing else is locked while it is held.
    private readonly RankedLock _lock = new(LockRank.FaultLog);
    private readonly FaultRecord[] _ring = new FaultRecord[Capacity];
    private long _count;

    /// <inheritdoc/>
    public override EventKinds Kinds => EventKinds.Fault;

    /// <summary>How many faults there have been, overwritten ones included.</summary>
    public long Count
    {
        get { using (_lock.Enter()) return _count; }
    }

    /// <summary>The records still kept, oldest first.</summary>
    public IReadOnlyList<FaultRecord> Snapshot()
    {
        using (_lock.Enter())
        {
            int kept = (int)Math.Min(_count, Capacity);
            var records = new FaultRecord[kept];
            for (int i = 0; i < kept; i++) records[i] = _ring[(_count - kept + i) % Capacity];
            return records;
        }
    }

    /// <summary>Keeps a fault, if it is one of the log's unit.</summary>
    public override void OnFault(in FaultEvent e)
    {
        if (e.Endpoint.Unit.Faults != this) return;
        using (_lock.Enter())
        {
            _ring[_count % Capacity] = new FaultRecord(_count + 1, e.Fault);
            _count++;
        }
    }
}
