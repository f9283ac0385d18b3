using Ioasis.Core.Dma;

namespace Ioasis.Devices.Virtio;

/// <summary>What a slot needs of the transport that shows its device: PCI or vDPA.</summary>
internal interface IVirtioTransport
{
    /// <summary>Feature bits that the transport adds to the device's.</summary>
    ulong TransportFeatures => 0;

    /// <summary>
    /// Opens a port for one queue. The slot calls it when the queue first runs after DRIVER_OK, with its lock held, and
    /// closes the port at the next reset.
    /// </summary>
    /// <param name="group">The queue's group, whose address space translates the port's accesses.</param>
    DmaPort OpenPort(int group);

    /// <summary>
    /// Interrupts the driver for a queue. Called by workers, with no lock held. Must neither block nor call the slot.
    /// </summary>
    void SignalQueue(int queue);

    /// <summary>
    /// Interrupts the driver for the configuration or the status. Called by any thread, even in a call to the slot.
    /// Must neither block nor call the slot.
    /// </summary>
    void SignalConfig();
}
