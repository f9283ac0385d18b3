namespace Ioasis.Memory;

/// <summary>
/// Somebody who accesses a process's memory besides the process itself, and who is told before that memory changes
/// (Linux: struct mmu_notifier).
/// </summary>
internal interface IMmuNotifier
{
    /// <summary>
    /// Waits until every access that began earlier has ended. Accesses that begin from now on wait for the change by
    /// themselves.
    /// </summary>
    void Quiesce();
}
