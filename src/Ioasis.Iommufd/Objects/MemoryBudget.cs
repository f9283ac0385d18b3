using Ioasis.Iommufd.Files;
using Ioasis.Memory.Threads;

namespace Ioasis.Iommufd.Objects;

/// <summary>
/// The memory of ours that a context holds. It is charged to the process that called the context first, to its user,
/// and to all programs together. If a limit is exceeded the call fails with ENOMEM (on Linux, the memory cgroup does
/// that: GFP_KERNEL_ACCOUNT).
/// </summary>
internal sealed class MemoryBudget
{
    // Guards the fields below. Innermost.
    private readonly RankedLock _lock = new(LockRank.MemoryBudget);
    private MemoryShare[] _payers = [MemoryShare.All];
    private volatile bool _hasPayer;
    private long _held;

    /// <summary>Bytes held.</summary>
    internal long Held
    {
        get { using (_lock.Enter()) return _held; }
    }

    /// <summary>Whether a process is charged yet.</summary>
    internal bool HasPayer => _hasPayer;

    /// <summary>Charges the caller, unless a process is charged already.</summary>
    internal void SetPayer(ICaller caller)
    {
        // queries the caller's process, so not under the lock
        MemoryShare process = caller.Pins.Memory, user = caller.UserPins.Memory;
        using (_lock.Enter())
        {
            if (_hasPayer) return;
            process.Take(_held);
            user.Take(_held);
            _payers = [process, user, MemoryShare.All];
            _hasPayer = true;
        }
    }

    /// <summary>Takes bytes; false, with nothing taken, if a limit is exceeded.</summary>
    internal bool TryTake(long bytes)
    {
        using (_lock.Enter())
        {
            for (int i = 0; i < _payers.Length; i++)
            {
                if (_payers[i].TryTake(bytes)) continue;
                while (--i >= 0) _payers[i].Give(bytes);
                return false;
            }

            _held += bytes;
            return true;
        }
    }

    /// <summary>
    /// Takes bytes that are in use already. For memory that is bounded in another way, or whose use cannot fail.
    /// </summary>
    internal void Take(long bytes)
    {
        using (_lock.Enter())
        {
            foreach (MemoryShare payer in _payers) payer.Take(bytes);
            _held += bytes;
        }
    }

    /// <summary>Gives bytes back.</summary>
    internal void Give(long bytes)
    {
        using (_lock.Enter())
        {
            foreach (MemoryShare payer in _payers) payer.Give(bytes);
            _held -= bytes;
        }
    }
}
