namespace Ioasis.Devices;

/// <summary>
/// A PCI function in software. Derive from it to make a device of your own: describe the function, act on the doorbells
/// that a driver rings, move memory through a DMA port on threads of your own, raise interrupts.
/// </summary>
/// <remarks>
/// The life of a model: it is constructed, plugged into a slot once, reset and rung any number of times, and unplugged
/// once. The host calls it from several threads, but never two of these calls at once. A call must return soon: it may
/// start work on the model's own threads and, in <see cref="Reset"/> and <see cref="Unplug"/>, wait for that work to
/// stop; it never does DMA itself. Nothing that a driver writes may make a model throw.
/// </remarks>
public abstract class PciDeviceModel
{
    /// <summary>
    /// What the function is: identity, BARs with their registers, interrupts, capabilities. The same at every call.
    /// </summary>
    public abstract PciFunction Function { get; }

    /// <summary>
    /// Makes the model of a virtual function, when a driver enables those that <see cref="PciFunction.Sriov"/> tells
    /// of.
    /// </summary>
    public virtual PciDeviceModel CreateVirtualFunction() =>
        throw new NotSupportedException("The function has no virtual ones.");

    /// <summary>The function was put into a slot; its registers have their reset values.</summary>
    /// <param name="slot">The model's way to its BARs, to memory and to interrupts, valid until
    /// <see cref="Unplug"/>.</param>
    public abstract void Plug(IPciSlot slot);

    /// <summary>
    /// A driver wrote a doorbell register (<see cref="RegisterKind.Doorbell"/>). The register's bytes already have the
    /// value; other registers that the driver wrote before have theirs.
    /// </summary>
    /// <param name="bar">Index of the BAR, 0 to 5.</param>
    /// <param name="register">Which register.</param>
    /// <param name="value">What was written, zero-extended.</param>
    public abstract void Ring(int bar, Register register, ulong value);

    /// <summary>
    /// A driver submitted a descriptor to a portal (<see cref="Bar.IsPortal"/>). One that it submitted before it wrote
    /// a doorbell comes before that doorbell's <see cref="Ring"/>.
    /// </summary>
    /// <param name="bar">Index of the BAR, 0 to 5.</param>
    /// <param name="offset">Where in the BAR, a multiple of 64.</param>
    /// <param name="descriptor">Its 64 bytes.</param>
    public virtual void Submit(int bar, ulong offset, ReadOnlySpan<byte> descriptor)
    {
    }

    /// <summary>
    /// Function-level reset: stop all DMA and wait until none is under way, forget all state. The host then gives all
    /// registers their reset values, clears plain memory, and takes the interrupt line back.
    /// </summary>
    public abstract void Reset();

    /// <summary>The function leaves its slot: stop all DMA, end all threads, close all ports.</summary>
    public abstract void Unplug();
}
