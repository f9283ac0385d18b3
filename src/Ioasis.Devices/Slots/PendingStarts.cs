namespace Ioasis.Devices.Slots;

/// <summary>
/// Engines of a function that got no thread when they were started. To the driver the device is just slow; each access
/// to the function's registers tries again.
/// </summary>
internal sealed class PendingStarts
{
    // Guards the list. Taken after an engine's lock; no other lock is taken while it is held.
    private readonly Lock _lock = new();
    private readonly List<IPendingStart> _engines = [];
    private volatile bool _any;

    internal void Add(IPendingStart engine)
    {
        lock (_lock)
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
        lock (_lock) engines = [.. _engines];
        foreach (IPendingStart engine in engines)
        {
            if (!engine.TryBegin()) return; // the next one would fail too
            lock (_lock)
            {
                _engines.Remove(engine);
                _any = _engines.Count != 0;
            }
        }
    }
}
