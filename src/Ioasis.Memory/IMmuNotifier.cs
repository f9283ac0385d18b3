namespace Ioasis.Memory;

/// <summary>Who accesses a process's memory beside the process itself, and is told when that takes some of it away (Linux: struct mmu_notifier).</summary>
public interface IMmuNotifier
{
    /// <summary>
    /// The process took memory or a permission away, and what begins now sees it. Returns when no access is under way any more that began before.
    /// </summary>
    void Invalidate();
}
