using Ioasis.Memory;

namespace Ioasis.Devices.Dsa;

/// <summary>A descriptor on its way: accepted by a queue, or an element of a batch.</summary>
/// <param name="queue">The queue that took it, or the batch.</param>
/// <param name="config">How the queue was configured then.</param>
/// <param name="descriptor">The descriptor.</param>
/// <param name="batch">The batch it belongs to; null for none.</param>
internal sealed class DsaWork(DsaQueue queue, DsaQueueConfig config, in DsaDescriptor descriptor, DsaWork? batch = null)
{
    // Guards the waiting of an engine for an answer. Nothing else is locked while it is held.
    private readonly object _lock = new();
    private readonly DsaDescriptor _descriptor = descriptor;
    private volatile bool _isAborted;

    internal ref readonly DsaDescriptor Descriptor => ref _descriptor;

    internal DsaQueue Queue => queue;

    internal DsaQueueConfig Config => config;

    internal bool IsInBatch => batch is not null;

    /// <summary>Which number it has in its batch.</summary>
    internal int BatchIndex { get; init; }

    /// <summary>
    /// In whose address space its addresses are: of a dedicated queue its own, of a shared one the descriptor's, of an
    /// element its batch's.
    /// </summary>
    internal Pasid? Pasid { get; } = batch is not null ? batch.Pasid
        : !config.UsesPasid ? null
        : config.IsDedicated ? config.Pasid : new Pasid(descriptor.Pasid);

    internal bool Privileged { get; } = batch?.Privileged
        ?? (config.IsDedicated ? config.Privileged : descriptor.Privileged);

    internal bool IsAborted => _isAborted || (batch?.IsAborted ?? false);

    /// <summary>It leaves no trace from now on, except for what it has written already.</summary>
    internal void Abort()
    {
        lock (_lock)
        {
            _isAborted = true;
            Monitor.PulseAll(_lock);
        }
    }

    /// <summary>
    /// Waits until something is so, or it is aborted: then false. Who makes it so calls <see cref="Wake"/>.
    /// </summary>
    internal bool WaitUntil(Func<bool> condition)
    {
        if (batch is not null) return batch.WaitUntil(condition);
        lock (_lock)
        {
            while (!_isAborted && !condition()) Monitor.Wait(_lock);
            return !_isAborted;
        }
    }

    /// <summary>What it waits for may have come.</summary>
    internal void Wake()
    {
        if (batch is not null)
        {
            batch.Wake();
            return;
        }

        lock (_lock) Monitor.PulseAll(_lock);
    }
}
