using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Core;
using Ioasis.Core.DmaApi;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Pasids;
using Ioasis.Devices;
using Ioasis.Memory;
using Ioasis.Passthrough.Vfio.Pci;

namespace Ioasis.Machine.Drivers;

/// <summary>
/// A function that a driver in the host has: its registers, its interrupts, and its DMA through the group's default
/// domain. Programs cannot have the function, nor another one of its group, until this is disposed.
/// </summary>
public sealed class HostFunction : IDisposable
{
    private readonly MachineDevice _device;
    private readonly VfioPciDevice _pci;
    private readonly GroupClaim _claim;
    private readonly CancellationTokenSource _released = new();
    private readonly Action<HostFunction> _giveBack;
    private readonly SystemPasids _pasids;
    private readonly ConcurrentBag<IDisposable> _acquired = []; // PASIDs
    private int _isDisposed;

    internal HostFunction(
        MachineDevice device, HostDriver driver, GroupClaim claim, DmaDomain domain, DmaDeviceOptions? options,
        SystemPasids pasids, Action<HostFunction> giveBack)
    {
        (_device, _pci, _claim, _pasids, _giveBack) = (device, device.Pci, claim, pasids, giveBack);
        Driver = driver;
        options ??= new DmaDeviceOptions();
        if (Endpoint.IsUntrusted) options = options with { BouncesAlways = true };
        Dma = new DmaDevice(domain, Name, options);
    }

    /// <summary>Its address, such as <c>0000:00:04.0</c>.</summary>
    public string Name => _pci.Name;

    /// <summary>The driver that has it.</summary>
    public HostDriver Driver { get; }

    /// <summary>The function's DMA: mappings, coherent memory, pools.</summary>
    public DmaDevice Dma { get; }

    /// <summary>What it is.</summary>
    public PciFunction Function => _pci.Function;

    /// <summary>Its place behind an IOMMU.</summary>
    public Endpoint Endpoint => _pci.Endpoint;

    /// <summary>
    /// Cancelled when a program unbinds the driver by sysfs, or removes the function. The driver then disposes this
    /// soon.
    /// </summary>
    public CancellationToken ReleaseRequested => _released.Token;

    /// <summary>
    /// The number of interrupts: MSI-X vectors, else MSI vectors, else 1 for INTx, else 0.
    /// </summary>
    public int InterruptCount => _pci.DriverInterrupts is { } index ? (int)_pci.IrqCount(index) : 0;

    /// <summary>Whether the interrupt is INTx, which the driver has to unmask after each interrupt.</summary>
    public bool InterruptMasksItself => _pci.DriverInterrupts == VfioH.VFIO_PCI_INTX_IRQ_INDEX;

    /// <summary>Whether the driver was asked for the function: vfio-pci does not get it back by itself then.</summary>
    internal bool IsReleased { get; private set; }

    /// <summary>Whether vfio-pci had the function before; it gets it back.</summary>
    internal bool WasVfios { get; init; }

    internal MachineDevice Device => _device;

    /// <summary>Reads configuration space.</summary>
    /// <param name="offset">Byte offset, a multiple of the value's size.</param>
    /// <typeparam name="T">A number of 1, 2 or 4 bytes.</typeparam>
    public T ReadConfig<T>(int offset) where T : unmanaged
    {
        T value = default;
        Span<byte> bytes = MemoryMarshal.AsBytes(new Span<T>(ref value));
        CheckConfig(offset, bytes.Length);
        uint read = _pci.ReadConfiguration(offset, bytes.Length);
        for (int i = 0; i < bytes.Length; i++) bytes[i] = (byte)(read >> (i * 8));
        return value;
    }

    /// <summary>Writes configuration space.</summary>
    /// <param name="offset">Byte offset, a multiple of the value's size.</param>
    /// <param name="value">The value.</param>
    /// <typeparam name="T">A number of 1, 2 or 4 bytes.</typeparam>
    public void WriteConfig<T>(int offset, T value) where T : unmanaged
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value));
        CheckConfig(offset, bytes.Length);
        uint written = 0;
        for (int i = 0; i < bytes.Length; i++) written |= (uint)bytes[i] << (i * 8);
        _pci.WriteConfiguration(offset, bytes.Length, written);
    }

    /// <summary>The length of a BAR in bytes; 0 if there is none, or if it is the upper half of one.</summary>
    public ulong BarLength(int bar) => _pci.FindBar((uint)bar)?.Size ?? 0;

    /// <summary>
    /// Reads a BAR in the widest aligned accesses: 4 or 8 aligned bytes are one access of the device.
    /// </summary>
    /// <param name="bar">Its index.</param>
    /// <param name="offset">The first byte's offset in it.</param>
    /// <param name="destination">Receives the bytes; ones where the BAR does not answer.</param>
    /// <returns>
    /// False beyond the BAR, or if it does not answer: memory decoding is off, or the function sleeps.
    /// </returns>
    public bool TryReadBar(int bar, ulong offset, Span<byte> destination)
    {
        CheckOpen();
        if (_pci.AccessBar(bar, offset, destination, write: false) == Errno.None) return true;
        destination.Fill(0xff);
        return false;
    }

    /// <summary>Writes a BAR in the widest aligned accesses, and a portal in descriptors of 64 bytes.</summary>
    /// <param name="bar">Its index.</param>
    /// <param name="offset">The first byte's offset in it.</param>
    /// <param name="source">The bytes.</param>
    /// <returns>
    /// False as for <see cref="TryReadBar"/>, or if a portal takes no descriptor now.
    /// </returns>
    public bool TryWriteBar(int bar, ulong offset, ReadOnlySpan<byte> source)
    {
        CheckOpen();
        Span<byte> bytes = source.Length <= 64 ? stackalloc byte[source.Length] : new byte[source.Length];
        source.CopyTo(bytes);
        return _pci.AccessBar(bar, offset, bytes, write: true) == Errno.None;
    }

    /// <summary>Connects an interrupt, or (null) disconnects it.</summary>
    /// <param name="vector">From 0 to <see cref="InterruptCount"/> - 1.</param>
    /// <param name="raised">
    /// Called for each interrupt, by the thread that raises it and under locks of the function. It must return at once
    /// and call nothing of the function: it sets an event, or queues work.
    /// </param>
    public void SetInterrupt(int vector, Action? raised)
    {
        CheckOpen();
        ArgumentOutOfRangeException.ThrowIfNegative(vector);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(vector, InterruptCount);
        Errno errno = _pci.SetDriverInterrupt((uint)vector, raised);
        if (errno != Errno.None) throw new InvalidOperationException($"Interrupt {vector} of {Name}: {errno}.");
    }

    /// <summary>Unmasks INTx, which masks itself with each interrupt. If it is asserted, it comes again.</summary>
    public void UnmaskInterrupt()
    {
        CheckOpen();
        if (InterruptMasksItself) _pci.UnmaskLine();
    }

    /// <summary>
    /// Switches bus mastering, and memory decoding on. Without bus mastering no DMA and no message leaves the function:
    /// when it is off on return, no access is under way.
    /// </summary>
    public void EnableBusMaster(bool on)
    {
        CheckOpen();
        _pci.SetBusMaster(on);
    }

    /// <summary>
    /// Resets the function. On return its DMA has stopped. Configuration space, interrupts and mappings are as before.
    /// </summary>
    public IommuStatus Reset()
    {
        CheckOpen();
        return _pci.Reset() == Errno.None ? IommuStatus.Ok : IommuStatus.DeviceError;
    }

    /// <summary>
    /// Gets a PASID that is equivalent to the function's requester ID: what <see cref="Dma"/> maps is there for both.
    /// </summary>
    /// <param name="pasid">The PASID, the same each time, when the answer is <see cref="IommuStatus.Ok"/>.</param>
    /// <returns>As <see cref="SystemPasids.Acquire"/>.</returns>
    public IommuStatus AcquireSystemPasid(out SystemPasid? pasid)
    {
        CheckOpen();
        IommuStatus status = _pasids.Acquire(Endpoint, Driver, out pasid);
        if (pasid is not null) _acquired.Add(pasid);
        return status;
    }

    /// <summary>
    /// Lets the function use a process's own pointers, by a PASID (Linux: iommu_sva_bind_device). The process has one
    /// PASID with the driver, however often it is bound.
    /// </summary>
    /// <param name="process">The process's memory, the same object each time.</param>
    /// <param name="binding">The binding, when the answer is <see cref="IommuStatus.Ok"/>.</param>
    /// <returns>As <see cref="ProcessBindings.BindDevice"/>.</returns>
    public IommuStatus BindProcess(AddressSpace process, out BoundProcess? binding)
    {
        CheckOpen();
        binding = null;
        IommuStatus status = Driver.Processes.BindDevice(Endpoint, process, out Pasid pasid);
        if (status != IommuStatus.Ok) return status;
        binding = new BoundProcess(pasid, () => Driver.Processes.UnbindDevice(Endpoint, pasid));
        _acquired.Add(binding);
        return IommuStatus.Ok;
    }

    /// <summary>
    /// Gives the function back, in the order in which nothing can go wrong: the engine is stopped, then PASIDs are
    /// detached, then mappings that are left are found and removed, then what is queued is flushed, then programs can
    /// have the group.
    /// </summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0) return;
        try
        {
            _pci.Close();
            foreach (IDisposable pasid in _acquired) pasid.Dispose();
            Dma.Dispose();
        }
        finally
        {
            Dma.Space.Flush();
            _claim.Dispose();
            _giveBack(this);
        }
    }

    /// <summary>Asks the driver for the function. With the lock of the bus's drivers held.</summary>
    internal void RequestRelease()
    {
        IsReleased = true;
        ThreadPool.UnsafeQueueUserWorkItem(static released => released.Cancel(), _released, preferLocal: false);
    }

    private void CheckOpen() => ObjectDisposedException.ThrowIf(_isDisposed != 0, this);

    private void CheckConfig(int offset, int width)
    {
        CheckOpen();
        if (width is not (1 or 2 or 4) || offset < 0 || offset % width != 0 || offset + width > _pci.ConfigurationSize)
            throw new ArgumentOutOfRangeException(nameof(offset), offset,
                "Configuration space is accessed in 1, 2 or 4 aligned bytes.");
    }
}
