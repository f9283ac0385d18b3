namespace Ioasis.Memory;

/// <summary>
/// The changes of a process's memory, for devices that access it: between the begin and the end of one no access of
/// theirs is under way (Linux: struct mmu_notifier_subscriptions). Where nobody sees the process change its memory
/// there are none, and accesses meet it as they do.
/// </summary>
/// <remarks>
/// Who accesses looks at <see cref="IsUnderWay"/> when its access can already be seen by its
/// <see cref="IMmuNotifier"/>; that orders the two for both sides.
/// </remarks>
public sealed class MemoryChanges
{
    private const int Spins = 30;

    // Guards what follows; reading it takes no lock. Innermost.
    private readonly object _monitor = new();
    private volatile IMmuNotifier[] _notifiers = [];
    private volatile int _underWay;

    /// <summary>Whether anybody accesses the memory who has to be told.</summary>
    public bool HasNotifiers => _notifiers.Length != 0;

    /// <summary>
    /// Whether the memory is being changed: an access must not begin, and waits by <see cref="Await"/>.
    /// </summary>
    public bool IsUnderWay => _underWay != 0;

    /// <summary>From now on the notifier is told (Linux: mmu_notifier_register).</summary>
    public void Register(IMmuNotifier notifier)
    {
        lock (_monitor) _notifiers = [.. _notifiers, notifier];
    }

    /// <summary>The opposite of <see cref="Register"/>.</summary>
    public void Unregister(IMmuNotifier notifier)
    {
        lock (_monitor) _notifiers = [.. _notifiers.Where(one => one != notifier)];
    }

    /// <summary>
    /// The process is about to take memory or a permission away. When this returns no access is under way, and none
    /// begins before <see cref="End"/> (Linux: mmu_notifier_invalidate_range_start).
    /// </summary>
    public void Begin()
    {
        lock (_monitor) _underWay++;
        foreach (IMmuNotifier notifier in _notifiers) notifier.Quiesce();
    }

    /// <summary>It is done (Linux: mmu_notifier_invalidate_range_end).</summary>
    public void End()
    {
        lock (_monitor)
            if (--_underWay == 0) Monitor.PulseAll(_monitor);
    }

    /// <summary>Waits until no change is under way. The next one can begin at any time.</summary>
    public void Await()
    {
        // A change takes some ten microseconds.
        SpinWait spin = default;
        while (IsUnderWay && spin.Count < Spins) spin.SpinOnce(sleep1Threshold: -1);
        if (!IsUnderWay) return;
        lock (_monitor)
            while (_underWay != 0) Monitor.Wait(_monitor);
    }
}
