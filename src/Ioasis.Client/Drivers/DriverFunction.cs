using Ioasis.Core;
using Ioasis.Core.DmaApi;

namespace Ioasis.Client.Drivers;

/// <summary>
/// A PCI function, or an mdev that looks like one, as its driver sees it: registers, interrupts and DMA. A driver that
/// is written against this class runs in user space (<see cref="VfioFunction"/>) and inside the host.
/// </summary>
public abstract class DriverFunction : IDisposable
{
    private protected DriverFunction(string name) => Name = name;

    /// <summary>The function's address, such as <c>0000:00:04.0</c>, or the node's path if it has none.</summary>
    public string Name { get; }

    /// <summary>The function's DMA: mappings, coherent memory, pools.</summary>
    public abstract DmaDevice Dma { get; }

    /// <summary>
    /// The number of interrupts: MSI-X vectors, else MSI vectors, else 1 for INTx, else 0.
    /// </summary>
    public abstract int InterruptCount { get; }

    /// <summary>Reads configuration space.</summary>
    /// <param name="offset">Byte offset, a multiple of the value's size.</param>
    /// <typeparam name="T">A number of 1, 2 or 4 bytes.</typeparam>
    /// <exception cref="IOException">The host refuses the read.</exception>
    public abstract T ReadConfig<T>(int offset) where T : unmanaged;

    /// <summary>Writes configuration space.</summary>
    /// <param name="offset">Byte offset, a multiple of the value's size.</param>
    /// <param name="value">The value.</param>
    /// <typeparam name="T">A number of 1, 2 or 4 bytes.</typeparam>
    /// <exception cref="IOException">The host refuses the write.</exception>
    public abstract void WriteConfig<T>(int offset, T value) where T : unmanaged;

    /// <summary>Opens a memory BAR. Dispose it before the function.</summary>
    /// <exception cref="IOException">The function has no such BAR.</exception>
    public abstract DriverBar OpenBar(int index);

    /// <summary>Connects an interrupt. Dispose it before the function: that disconnects it.</summary>
    /// <param name="vector">From 0 to <see cref="InterruptCount"/> - 1. It can be open once at a time.</param>
    /// <exception cref="IOException">The host refuses.</exception>
    public abstract DriverInterrupt OpenInterrupt(int vector);

    /// <summary>
    /// Enables or disables bus mastering, and enables the memory BARs. Without bus mastering, no DMA and no message
    /// leaves the function.
    /// </summary>
    /// <exception cref="IOException">The host refuses.</exception>
    public abstract void EnableBusMaster(bool on);

    /// <summary>
    /// Resets the function. On return its DMA has stopped. Mappings, interrupts and bus mastering stay as they were.
    /// </summary>
    public abstract IommuStatus Reset();

    /// <summary>
    /// Gives the function back: bus mastering ends first, so that no DMA is left, then the DMA device and its mappings.
    /// </summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Gives the function back, once.</summary>
    protected abstract void Dispose(bool disposing);
}
