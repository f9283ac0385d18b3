using Ioasis.Core.Pasids;

namespace Ioasis.Iommufd.Files;

/// <summary>
/// What the IOMMU pins of a process's memory and of files in its name, in pages (Linux: pinned_vm and locked_vm of
/// struct mm_struct), and what else is charged to the process.
/// The same object for all calls from one address space.
/// </summary>
public abstract class ProcessPins
{
    private long _pinned;
    private long _locked;

    /// <summary>Pages that are pinned, whoever they are charged to: VmPin in /proc/PID/status.</summary>
    public ulong Pinned => (ulong)Volatile.Read(ref _pinned);

    /// <summary>
    /// Pages that are charged to the process rather than to its user: they belong to VmLck in /proc/PID/status.
    /// </summary>
    public ulong Locked => (ulong)Volatile.Read(ref _locked);

    /// <summary>The process's limit of locked memory in bytes, as it is now (RLIMIT_MEMLOCK, the soft one).</summary>
    public abstract ulong LockLimit { get; }

    /// <summary>Whether the process's memory is gone: nothing can be charged to it any more.</summary>
    public virtual bool HasEnded => false;

    /// <summary>What of our memory its contexts hold.</summary>
    internal MemoryShare Memory { get; } = MemoryShare.OfProcess();

    /// <summary>The PASIDs that its files have.</summary>
    internal PasidShare Pasids { get; init; } = new(PasidShare.OfProcess);

    internal bool TryLock(ulong pages, ulong limit) => UserPins.TryAdd(ref _locked, pages, limit);

    internal void Unlock(ulong pages) => Interlocked.Add(ref _locked, -(long)pages);

    internal void AddPinned(long pages) => Interlocked.Add(ref _pinned, pages);
}
