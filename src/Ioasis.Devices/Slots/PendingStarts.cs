using Ioasis.Memory.Threads;

namespace Ioasis.Devices.Slots;

/// <summary>
/// Engines of a function that got no thread when they were started. To the driver the device is just slow; each access
/// to the function's registers tries again.
/// </summary>
internal sealed class PendingStarts
{
    // Guards the list. Taken after an engine's lock; no other lock is taken while it is held.
    private readonly RankedLock _lock = new(LockRank.PendingStarts);
    private readonly List<IPendingStart> _engines = [];
    private volatile bool _any;

    internal void Add(IPendingStart engine)
    {
        using (_lock.Enter())
        {
            if (!_engines.Contains(engine)) _engines.Add(engine);
            _any = true;
        }
    }

    /// <summary>Tries again to start them.</summary>
    internal void Retry()
    {
        if (!_any) return;
        IPendingStart[] engines;
        using (_lock.Enter()) engines = [.. _engines];
        foreach (IPendingStart engine in engines)
        {
            if (!engine.TryBegin()) return; // the next one would fail too
            using (_lock.Enter())
            {
                _engines.Remove(engine);
                _any = _engines.Count != 0;
            }
        }
    }
}
