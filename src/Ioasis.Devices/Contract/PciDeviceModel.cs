namespace Ioasis.Devices;

/// <summary>
/// A PCI function in software. To make a device, derive from this class: describe the function, act on the doorbells
/// that a driver rings, move memory through a DMA port on your own threads, and raise interrupts.
/// </summary>
/// <remarks>
/// The life of a model: it is constructed, plugged into a slot once, reset and rung any number of times, and unplugged
/// once. The host makes these calls from several threads, but one at a time. A call must return soon. It may start work
/// on the model's own threads, and <see cref="Reset"/> and <see cref="Unplug"/> may wait for that work to stop; a call
/// never does DMA itself. Nothing that a driver writes may make a model throw.
/// </remarks>
public abstract class PciDeviceModel
{
    /// <summary>
    /// Describes the function: identity, BARs with their registers, interrupts, capabilities. Must be the same on every
    /// call.
    /// </summary>
    public abstract PciFunction Function { get; }

    /// <summary>
    /// Makes the model of a virtual function. Called when a driver enables the virtual functions of
    /// <see cref="PciFunction.Sriov"/>.
    /// </summary>
    public virtual PciDeviceModel CreateVirtualFunction() =>
        throw new NotSupportedException("The function has no virtual ones.");

    /// <summary>Called when the function is plugged into a slot. Its registers have their reset values.</summary>
    /// <param name="slot">The model's access to its BARs, to memory and to interrupts, until
    /// <see cref="Unplug"/>.</param>
    public abstract void Plug(IPciSlot slot);

    /// <summary>
    /// Called when a driver has written a doorbell register (<see cref="RegisterKind.Doorbell"/>). The register's bytes
    /// already have the value, as have registers that the driver wrote earlier.
    /// </summary>
    /// <param name="bar">Index of the BAR, 0 to 5.</param>
    /// <param name="register">The register.</param>
    /// <param name="value">The value, zero-extended.</param>
    public abstract void Ring(int bar, Register register, ulong value);

    /// <summary>
    /// Called when a driver reads a computed register (<see cref="Register.IsComputed"/>). The read may have an effect.
    /// </summary>
    /// <param name="bar">Index of the BAR, 0 to 5.</param>
    /// <param name="register">The register.</param>
    /// <returns>Its value.</returns>
    public virtual ulong Read(int bar, Register register) => 0;

    /// <summary>
    /// Called when a driver has submitted a descriptor to a portal (<see cref="Bar.IsPortal"/>). A descriptor that was
    /// submitted before a doorbell was written arrives before that doorbell's <see cref="Ring"/>.
    /// </summary>
    /// <param name="bar">Index of the BAR, 0 to 5.</param>
    /// <param name="offset">Offset in the BAR, a multiple of 64.</param>
    /// <param name="descriptor">Its 64 bytes.</param>
    public virtual void Submit(int bar, ulong offset, ReadOnlySpan<byte> descriptor)
    {
    }

    /// <summary>
    /// As <see cref="Submit"/>, which it calls, for a model whose queues can be full: the submitter may try again.
    /// </summary>
    /// <param name="bar">Index of the BAR, 0 to 5.</param>
    /// <param name="offset">Offset in the BAR, a multiple of 64.</param>
    /// <param name="descriptor">Its 64 bytes.</param>
    /// <returns>
    /// False if the descriptor was not taken, as ENQCMD reports it. A write call then fails with EAGAIN; a store to a
    /// mapping is lost.
    /// </returns>
    public virtual bool TrySubmit(int bar, ulong offset, ReadOnlySpan<byte> descriptor)
    {
        Submit(bar, offset, descriptor);
        return true;
    }

    /// <summary>
    /// Function-level reset: stop all DMA, wait until none is under way, and drop all state. The host then sets all
    /// registers to their reset values, clears plain memory, and deasserts the interrupt line.
    /// </summary>
    public abstract void Reset();

    /// <summary>Called when the function leaves its slot: stop all DMA, end all threads, close all ports.</summary>
    public abstract void Unplug();
}
