namespace Ioasis.Devices.Virtio;

/// <summary>The queues, one by one.</summary>
internal sealed partial class VirtioSlot
{
    /// <summary>Number of a queue's entries.</summary>
    internal int SizeOf(int queue)
    {
        using (_lock.Enter()) return _settings[queue].Size;
    }

    /// <summary>Sets the number of a queue's entries, which is taken when the queue starts to run.</summary>
    internal void SetSize(int queue, int size)
    {
        using (_lock.Enter()) _settings[queue].Size = size;
    }

    /// <summary>Sets the addresses of a queue's three areas, which are taken when the queue starts to run.</summary>
    internal void SetAddresses(int queue, ulong descriptors, ulong driver, ulong device)
    {
        using (_lock.Enter())
        {
            ref RingSettings settings = ref _settings[queue];
            (settings.Descriptors, settings.Driver, settings.Device) = (descriptors, driver, device);
        }
    }

    /// <summary>
    /// Sets the next entry that the device looks at, which is taken when the queue starts to run: an index (split), or
    /// in the low half an index with the wrap counter in bit 15 (packed). The high half, the place of the next used
    /// descriptor of a packed ring, is ignored: it is the same, as no chain is outstanding while a queue is stopped.
    /// </summary>
    internal void SetBase(int queue, uint value)
    {
        using (_lock.Enter()) _settings[queue].Base = (ushort)value;
    }

    /// <summary>
    /// The next entry that the device looks at, as <see cref="SetBase"/> takes it. Exact while the queue does not run.
    /// </summary>
    internal uint GetBase(int queue)
    {
        using (_lock.Enter())
        {
            if (_queues[queue].Runs) _settings[queue].Base = _queues[queue].Base;
            uint low = _settings[queue].Base ?? 0u;
            return (DriverFeatures & VirtioFeatures.PackedRing) != 0 ? low | (low << 16) : low;
        }
    }

    internal bool IsEnabled(int queue)
    {
        using (_lock.Enter()) return _enabled[queue];
    }

    /// <summary>
    /// Enables or disables a queue. A disabled queue gives no chains and keeps its base. When this returns, no access
    /// of a disabled queue is under way.
    /// </summary>
    internal void SetEnabled(int queue, bool enabled)
    {
        using (_lock.Enter())
        {
            _pending.Retry();
            _enabled[queue] = enabled;
            RunOrStop();
        }
    }

    /// <summary>Resets one queue to its state after a reset of the device (VIRTIO_F_RING_RESET).</summary>
    internal void ResetQueue(int queue)
    {
        using (_lock.Enter())
        {
            _enabled[queue] = false;
            RunOrStop();
            Forget(queue);
        }
    }

    /// <summary>The driver has notified a queue. Does not wait, and does nothing if the queue does not run.</summary>
    internal void Kick(int queue)
    {
        _pending.Retry();
        if (_queues[queue].Runs) Wake(_queues[queue].Layout.Worker);
    }
}
