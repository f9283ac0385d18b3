using Ioasis.Iommufd.Files;

namespace Ioasis.Iommufd.Objects;

/// <summary>
/// What a context holds of our memory: charged to the process that called it first, to its user and to all programs
/// together. What one of them may not hold is ENOMEM (on Linux the memory cgroup says so, GFP_KERNEL_ACCOUNT).
/// </summary>
internal sealed class MemoryBudget
{
    // Guards what follows. Innermost.
    private readonly Lock _lock = new();
    private MemoryShare[] _payers = [MemoryShare.All];
    private volatile bool _hasPayer;
    private long _held;

    /// <summary>Bytes that are held.</summary>
    internal long Held
    {
        get { lock (_lock) return _held; }
    }

    /// <summary>Whether somebody has called.</summary>
    internal bool HasPayer => _hasPayer;

    /// <summary>The caller is charged, if nobody else is yet.</summary>
    internal void SetPayer(ICaller caller)
    {
        // asks the caller's process: not under the lock
        MemoryShare process = caller.Pins.Memory, user = caller.UserPins.Memory;
        lock (_lock)
        {
            if (_hasPayer) return;
            process.Take(_held);
            user.Take(_held);
            _payers = [process, user, MemoryShare.All];
            _hasPayer = true;
        }
    }

    /// <summary>Takes bytes; false, with nothing taken, where somebody may not hold as many.</summary>
    internal bool TryTake(long bytes)
    {
        lock (_lock)
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

    /// <summary>Takes bytes that are in use already: of what is bounded by other means, or cannot fail.</summary>
    internal void Take(long bytes)
    {
        lock (_lock)
        {
            foreach (MemoryShare payer in _payers) payer.Take(bytes);
            _held += bytes;
        }
    }

    /// <summary>Gives bytes back.</summary>
    internal void Give(long bytes)
    {
        lock (_lock)
        {
            foreach (MemoryShare payer in _payers) payer.Give(bytes);
            _held -= bytes;
        }
    }
}
