using System.Runtime.CompilerServices;
using Ioasis.Core.Pasids;

namespace Ioasis.Iommufd.Files;

/// <summary>
/// The pages that the IOMMU has pinned of a process's memory and of files for it (Linux: pinned_vm and locked_vm of
/// struct mm_struct), and other charges to the process. The same object for all calls from one address space.
/// </summary>
public abstract class ProcessPins
{
    private static readonly ConditionalWeakTable<ProcessPins, object?> s_all = []; // one that is gone has no pins
    private long _pinned;
    private long _locked;

    /// <summary>The pins of an address space that has none yet.</summary>
    protected ProcessPins() => s_all.Add(this, null);

    /// <summary>Pinned pages of all processes that machines of this process serve.</summary>
    internal static ulong PinnedByAll => s_all.Aggregate(0UL, static (sum, one) => sum + one.Key.Pinned);

    /// <summary>Pinned pages, whoever is charged for them: VmPin in /proc/PID/status.</summary>
    public ulong Pinned => (ulong)Volatile.Read(ref _pinned);

    /// <summary>Pages charged to the process, not to its user. They count in VmLck in /proc/PID/status.</summary>
    public ulong Locked => (ulong)Volatile.Read(ref _locked);

    /// <summary>The process's present limit of locked memory in bytes (the soft RLIMIT_MEMLOCK).</summary>
    public abstract ulong LockLimit { get; }

    /// <summary>Whether the process's memory is gone, so that nothing can be charged to it.</summary>
    public virtual bool HasEnded => false;

    /// <summary>The bytes of our memory that its contexts hold.</summary>
    internal MemoryShare Memory { get; } = MemoryShare.OfProcess();

    /// <summary>The PASIDs of its files.</summary>
    internal PasidShare Pasids { get; init; } = new(PasidShare.OfProcess);

    internal bool TryLock(ulong pages, ulong limit) => UserPins.TryAdd(ref _locked, pages, limit);

    internal void Unlock(ulong pages) => Interlocked.Add(ref _locked, -(long)pages);

    internal bool TryPin(ulong pages, ulong limit) => UserPins.TryAdd(ref _pinned, pages, limit);

    internal void AddPinned(long pages) => Interlocked.Add(ref _pinned, pages);
}
