using Ioasis.Memory.Threads;

namespace Ioasis.Devices.Nvme;

/// <summary>An asynchronous event.</summary>
/// <param name="Type">0 for an error, 1 for a change of the device's health.</param>
/// <param name="Information">The event within the type.</param>
/// <param name="Log">The log page with details. Reading it allows the next event of the type.</param>
internal readonly record struct NvmeEvent(byte Type, byte Information, NvmeLog Log)
{
    internal static readonly NvmeEvent InvalidDoorbellRegister = new(0, 0, NvmeLog.Error);
    internal static readonly NvmeEvent InvalidDoorbellValue = new(0, 1, NvmeLog.Error);
    internal static readonly NvmeEvent TemperatureThreshold = new(1, 1, NvmeLog.Smart);

    internal uint Result => Type | ((uint)Information << 8) | ((uint)Log << 16);
}

/// <summary>Asynchronous events, and the commands that wait for them.</summary>
internal sealed class NvmeEvents
{
    /// <summary>Number of commands that can wait.</summary>
    internal const int Limit = 4;

    private const int MostEvents = 8;

    // Guards the fields below. No other lock is taken while it is held.
    private readonly RankedLock _lock = new(LockRank.NvmeEvents);
    private readonly Queue<NvmeEvent> _events = new();
    private readonly Queue<ushort> _waiting = new();
    private uint _told; // one bit per type that was reported and whose log page was not read since

    /// <summary>Records an event. Drops it if one of its type was reported and its log page not read since.</summary>
    internal void Add(NvmeEvent happened)
    {
        using (_lock.Enter())
            if ((_told & (1u << happened.Type)) == 0 && _events.Count < MostEvents && !_events.Contains(happened))
                _events.Enqueue(happened);
    }

    /// <summary>Makes a command wait for the next event.</summary>
    internal NvmeOutcome Await(ushort commandId)
    {
        using (_lock.Enter())
        {
            if (_waiting.Count == Limit) return NvmeStatus.AsyncLimit;
            _waiting.Enqueue(commandId);
            return new NvmeOutcome(NvmeStatus.Success, IsPending: true);
        }
    }

    /// <summary>Allows events of a log page again, because the page was read.</summary>
    internal void Clear(NvmeLog log)
    {
        uint type = log switch { NvmeLog.Error => 1, NvmeLog.Smart => 2, _ => 0 };
        using (_lock.Enter()) _told &= ~type;
    }

    /// <summary>Completes waiting commands with recorded events. Runs on the admin queue's thread.</summary>
    internal void Deliver(NvmeWorker worker, NvmeSubmissionQueue queue)
    {
        while (TryNext(queue, out ushort command, out NvmeEvent happened))
            worker.Complete(queue, command, new NvmeOutcome(NvmeStatus.Success, happened.Result));
    }

    internal void Reset()
    {
        using (_lock.Enter())
        {
            _events.Clear();
            _waiting.Clear();
            _told = 0;
        }
    }

    private bool TryNext(NvmeSubmissionQueue queue, out ushort command, out NvmeEvent happened)
    {
        (command, happened) = (0, default);
        using (_lock.Enter())
        {
            while (_events.TryPeek(out happened) && (_told & (1u << happened.Type)) != 0) _events.Dequeue();
            if (_events.Count == 0 || _waiting.Count == 0) return false;
        }

        if (!queue.Completions.TryReserve()) return false; // tried again when the driver makes room
        using (_lock.Enter())
        {
            happened = _events.Dequeue();
            command = _waiting.Dequeue();
            _told |= 1u << happened.Type;
        }

        return true;
    }
}
