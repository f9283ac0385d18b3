namespace Ioasis.Devices.Virtio;

/// <summary>The slot that a virtio model is plugged into. Thread-safe.</summary>
public interface IVirtioSlot
{
    /// <summary>A queue. The same object on every call. Only the queue's worker uses it.</summary>
    /// <param name="index">Index in <see cref="VirtioFunction.Queues"/>.</param>
    VirtQueue Queue(int index);

    /// <summary>
    /// Lets a worker call <see cref="VirtioDeviceModel.Serve"/> soon, once more if it does so now. Does not wait.
    /// </summary>
    /// <param name="worker">Number of the worker.</param>
    void Wake(int worker);

    /// <summary>
    /// The device's configuration has changed by itself: the driver gets a configuration interrupt.
    /// </summary>
    void ConfigChanged();

    /// <summary>
    /// The device cannot go on: sets DEVICE_NEEDS_RESET and raises a configuration interrupt. No queue gives chains
    /// until a reset.
    /// </summary>
    void Fail();
}
