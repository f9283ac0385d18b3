using Ioasis.Memory;
using Ioasis.Memory.Threads;

namespace Ioasis.Devices.Dsa;

/// <summary>A descriptor under way: accepted by a queue, or an element of a batch.</summary>
/// <param name="queue">The queue that accepted it, or its batch.</param>
/// <param name="config">The queue's configuration at that time.</param>
/// <param name="descriptor">The descriptor.</param>
/// <param name="batch">The batch that it belongs to; null for none.</param>
internal sealed class DsaWork(DsaQueue queue, DsaQueueConfig config, in DsaDescriptor descriptor, DsaWork? batch = null)
{
    // Guards an engine's wait for an answer. No other lock is taken while it is held.
    private readonly RankedMonitor _lock = new(LockRank.DsaWork);
    private readonly DsaDescriptor _descriptor = descriptor;
    private volatile bool _isAborted;

    internal ref readonly DsaDescriptor Descriptor => ref _descriptor;

    internal DsaQueue Queue => queue;

    internal DsaQueueConfig Config => config;

    internal bool IsInBatch => batch is not null;

    /// <summary>Its index in its batch.</summary>
    internal int BatchIndex { get; init; }

    /// <summary>
    /// The address space of its addresses: the queue's PASID if the queue is dedicated, the descriptor's if it is
    /// shared, the batch's for an element of a batch.
    /// </summary>
    internal Pasid? Pasid { get; } = batch is not null ? batch.Pasid
        : !config.UsesPasid ? null
        : config.IsDedicated ? config.Pasid : new Pasid(descriptor.Pasid);

    internal bool Privileged { get; } = batch?.Privileged
        ?? (config.IsDedicated ? config.Privileged : descriptor.Privileged);

    internal bool IsAborted => _isAborted || (batch?.IsAborted ?? false);

    /// <summary>Aborts the descriptor. Apart from bytes already written it leaves no trace.</summary>
    internal void Abort()
    {
        using (_lock.Enter())
        {
            _isAborted = true;
            _lock.PulseAll();
        }
    }

    /// <summary>
    /// Waits until a condition holds; false if the descriptor is aborted first. Whoever makes the condition true calls
    /// <see cref="Wake"/>.
    /// </summary>
    internal bool WaitUntil(Func<bool> condition)
    {
        if (batch is not null) return batch.WaitUntil(condition);
        using (_lock.Enter())
        {
            while (!_isAborted && !condition()) _lock.Wait();
            return !_isAborted;
        }
    }

    /// <summary>Makes waiting threads check their condition again.</summary>
    internal void Wake()
    {
        if (batch is not null)
        {
            batch.Wake();
            return;
        }

        using (_lock.Enter()) _lock.PulseAll();
    }
}
