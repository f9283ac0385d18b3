using Ioasis.Memory.Threads;

namespace Ioasis.Memory;

/// <summary>
/// Announces changes of a process's memory to the devices that access it: no access of theirs is under way between
/// <see cref="Begin"/> and <see cref="End"/> (Linux: struct mmu_notifier_subscriptions). If nobody watches the process
/// change its memory, there are no announcements and accesses take the memory as they find it.
/// </summary>
/// <remarks>
/// An accessor makes its access visible to its <see cref="IMmuNotifier"/> first and reads <see cref="IsUnderWay"/>
/// second. So either the change sees the access, or the access sees the change.
/// </remarks>
internal sealed class MemoryChanges
{
    private const int Spins = 30;

    // Guards the two fields below for writes; reads take no lock. Innermost.
    private readonly RankedMonitor _monitor = new(LockRank.MemoryChanges);
    private volatile IMmuNotifier[] _notifiers = [];
    private volatile int _underWay;

    /// <summary>Whether anybody is registered.</summary>
    public bool HasNotifiers => _notifiers.Length != 0;

    /// <summary>Whether a change is under way. No access may begin then; it waits with <see cref="Await"/>.</summary>
    public bool IsUnderWay => _underWay != 0;

    /// <summary>Registers a notifier (Linux: mmu_notifier_register).</summary>
    public void Register(IMmuNotifier notifier)
    {
        using (_monitor.Enter()) _notifiers = [.. _notifiers, notifier];
    }

    /// <summary>Removes a notifier.</summary>
    public void Unregister(IMmuNotifier notifier)
    {
        using (_monitor.Enter()) _notifiers = [.. _notifiers.Where(one => one != notifier)];
    }

    /// <summary>
    /// Announces that the process is about to take memory or a permission away. On return no access is under way, and
    /// none begins before <see cref="End"/> (Linux: mmu_notifier_invalidate_range_start).
    /// </summary>
    public void Begin()
    {
        using (_monitor.Enter()) _underWay++;
        foreach (IMmuNotifier notifier in _notifiers) notifier.Quiesce();
    }

    /// <summary>Ends the change (Linux: mmu_notifier_invalidate_range_end).</summary>
    public void End()
    {
        using (_monitor.Enter())
            if (--_underWay == 0) _monitor.PulseAll();
    }

    /// <summary>Waits until no change is under way. The next one can begin at any time.</summary>
    public void Await()
    {
        // A change takes about ten microseconds, so spinning first is cheaper.
        SpinWait spin = default;
        while (IsUnderWay && spin.Count < Spins) spin.SpinOnce(sleep1Threshold: -1);
        if (!IsUnderWay) return;
        using (_monitor.Enter())
            while (_underWay != 0) _monitor.Wait();
    }
}
