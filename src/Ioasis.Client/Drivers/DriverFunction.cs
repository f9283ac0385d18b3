using Ioasis.Core;
using Ioasis.Core.DmaApi;
using Ioasis.Core.Pasids;

namespace Ioasis.Client.Drivers;

/// <summary>
/// A PCI function, or an mdev that looks like one, as its driver sees it: registers, interrupts and DMA. A driver that
/// is written against this class runs in user space (<see cref="VfioFunction"/>) and inside the host.
/// </summary>
public abstract class DriverFunction : IDisposable, IAsyncDisposable
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
    /// <param name="index">Its index.</param>
    /// <param name="maps">Whether to map it where that is possible. If not, each access is a call, which the device has
    /// seen on return: for registers that answer a write at once.</param>
    /// <exception cref="IOException">The function has no such BAR.</exception>
    public abstract DriverBar OpenBar(int index, bool maps = true);

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
    /// Gets a PASID that is equivalent to the function's requester ID: what <see cref="Dma"/> maps is there for
    /// requests with the PASID and without it, and an unmap ends it for both. It is the same PASID each time, and stays
    /// until each that was got is disposed. The driver tells its device to send it.
    /// </summary>
    /// <param name="pasid">The PASID, when the answer is <see cref="IommuStatus.Ok"/>.</param>
    /// <returns>NotSupported for a function or an IOMMU without PASIDs; NoSpace and NoMemory when there is none to be
    /// had; NotPermitted when nothing translates the function's other requests.</returns>
    public abstract IommuStatus AcquireSystemPasid(out SystemPasid? pasid);

    /// <summary>
    /// Lets the function use a process's own pointers, by a PASID: shared virtual addressing. A process has one PASID
    /// here, however often it is bound. The driver tells its device to send it.
    /// </summary>
    /// <param name="process">The process. A function in user space can be bound to the one that opened it.</param>
    /// <param name="binding">The binding, when the answer is <see cref="IommuStatus.Ok"/>.</param>
    /// <returns>NotSupported for a function without PASIDs; NotFound for a system without /dev/sva; Invalid for a
    /// process that this function cannot be bound to; NoSpace and NoMemory when there is no PASID to be had.</returns>
    public abstract IommuStatus BindProcess(NodeTransport process, out BoundProcess? binding);

    /// <summary>
    /// Gives the function back: bus mastering ends first, so that no DMA is left, then the DMA device and its mappings.
    /// </summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>As <see cref="Dispose()"/>, on a thread of the pool: the end of DMA that is under way can take
    /// time.</summary>
    public ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return new ValueTask(Task.Run(Dispose));
    }

    /// <summary>Gives the function back, once.</summary>
    protected abstract void Dispose(bool disposing);
}
