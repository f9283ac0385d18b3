namespace Ioasis.Memory;

/// <summary>
/// Who accesses a process's memory beside the process itself, and is told when that is about to change (Linux: struct
/// mmu_notifier).
/// </summary>
public interface IMmuNotifier
{
    /// <summary>
    /// Waits until no access is under way that began before. Those that begin now wait for the change themselves.
    /// </summary>
    void Quiesce();
}
