namespace Ioasis.Devices.Nvme;

/// <summary>What an asynchronous event tells.</summary>
/// <param name="Type">0 an error, 1 the state of the device.</param>
/// <param name="Information">Which.</param>
/// <param name="Log">The log page with more; reading it makes the next event of the type possible.</param>
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
    /// <summary>How many commands can wait.</summary>
    internal const int Limit = 4;

    private const int MostEvents = 8;

    // Guards what follows. Nothing else is locked while it is held.
    private readonly Lock _lock = new();
    private readonly Queue<NvmeEvent> _events = new();
    private readonly Queue<ushort> _waiting = new();
    private uint _told; // a bit for each type whose log page was not read since

    /// <summary>Something happened. An event of a type that was told and not looked into is dropped.</summary>
    internal void Add(NvmeEvent happened)
    {
        lock (_lock)
            if ((_told & (1u << happened.Type)) == 0 && _events.Count < MostEvents && !_events.Contains(happened))
                _events.Enqueue(happened);
    }

    /// <summary>A command waits for the next event.</summary>
    internal NvmeOutcome Await(ushort commandId)
    {
        lock (_lock)
        {
            if (_waiting.Count == Limit) return NvmeStatus.AsyncLimit;
            _waiting.Enqueue(commandId);
            return new NvmeOutcome(NvmeStatus.Success, IsPending: true);
        }
    }

    /// <summary>The log page of an event was read.</summary>
    internal void Clear(NvmeLog log)
    {
        uint type = log switch { NvmeLog.Error => 1, NvmeLog.Smart => 2, _ => 0 };
        lock (_lock) _told &= ~type;
    }

    /// <summary>Ends commands that wait, by what has happened. On the thread of the admin queue.</summary>
    internal void Deliver(NvmeWorker worker, NvmeSubmissionQueue queue)
    {
        while (TryNext(queue, out ushort command, out NvmeEvent happened))
            worker.Complete(queue, command, new NvmeOutcome(NvmeStatus.Success, happened.Result));
    }

    internal void Reset()
    {
        lock (_lock)
        {
            _events.Clear();
            _waiting.Clear();
            _told = 0;
        }
    }

    private bool TryNext(NvmeSubmissionQueue queue, out ushort command, out NvmeEvent happened)
    {
        (command, happened) = (0, default);
        lock (_lock)
        {
            while (_events.TryPeek(out happened) && (_told & (1u << happened.Type)) != 0) _events.Dequeue();
            if (_events.Count == 0 || _waiting.Count == 0) return false;
        }

        if (!queue.Completions.TryReserve()) return false; // when the driver makes room this comes again
        lock (_lock)
        {
            happened = _events.Dequeue();
            command = _waiting.Dequeue();
            _told |= 1u << happened.Type;
        }

        return true;
    }
}
