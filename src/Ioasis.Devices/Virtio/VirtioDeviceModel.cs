namespace Ioasis.Devices.Virtio;

/// <summary>
/// A virtio device in software. To make one, derive from this class: describe the device, answer for its configuration,
/// and serve its queues. The device knows no transport: the same model is a PCI function and a vDPA device.
/// </summary>
/// <remarks>
/// The life of a model: it is constructed, plugged into a slot once, started, served and reset any number of times, and
/// unplugged once. The host makes these calls one at a time, except for <see cref="Serve"/>, which it calls on the
/// threads of the workers, one call for each worker at a time. <see cref="Start"/>, <see cref="Reset"/> and
/// <see cref="Unplug"/> are called while no worker runs. Every call but <see cref="Serve"/> must return soon and makes
/// no DMA. Nothing that a driver writes may make a model throw. A model that throws is failed: the driver finds
/// DEVICE_NEEDS_RESET.
/// </remarks>
public abstract class VirtioDeviceModel
{
    /// <summary>Describes the device. Must be the same on every call.</summary>
    public abstract VirtioFunction Function { get; }

    /// <summary>Called when the device is plugged into a slot.</summary>
    /// <param name="slot">The model's access to its queues and to its driver, until <see cref="Unplug"/>.</param>
    public abstract void Plug(IVirtioSlot slot);

    /// <summary>Copies bytes out of the device's configuration. Called by any thread, at any time.</summary>
    /// <param name="offset">The first byte.</param>
    /// <param name="destination">Filled. It ends within <see cref="VirtioFunction.ConfigSize"/>.</param>
    public abstract void ReadConfig(int offset, Span<byte> destination);

    /// <summary>A driver writes to the device's configuration.</summary>
    /// <param name="offset">The first byte.</param>
    /// <param name="source">The bytes. They end within <see cref="VirtioFunction.ConfigSize"/>.</param>
    /// <returns>False if the device ignores the write.</returns>
    public virtual bool WriteConfig(int offset, ReadOnlySpan<byte> source) => false;

    /// <summary>The driver has set DRIVER_OK. <see cref="Serve"/> is called from now on.</summary>
    /// <param name="features">The features that were negotiated.</param>
    public virtual void Start(ulong features)
    {
    }

    /// <summary>
    /// Serves the queues of a worker, on that worker's thread: takes what there is and returns when nothing is left or
    /// the token is cancelled. Called after the driver has notified one of the queues, after
    /// <see cref="IVirtioSlot.Wake"/>, and without any cause.
    /// </summary>
    /// <param name="worker">Number of the worker (<see cref="VirtioQueueLayout.Worker"/>).</param>
    /// <param name="stop">
    /// Cancelled when the work must stop: check it between two chains. A chain that was taken and not given back by
    /// then counts as not taken.
    /// </param>
    public abstract void Serve(int worker, CancellationToken stop);

    /// <summary>Drops all state that a driver has set. No worker runs.</summary>
    public virtual void Reset()
    {
    }

    /// <summary>The device leaves its slot. No worker runs, and none will.</summary>
    public virtual void Unplug()
    {
    }
}
