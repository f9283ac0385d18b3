using Ioasis.Abi;
using Ioasis.Core;
using Ioasis.Core.DmaApi;
using Ioasis.Memory;

namespace Ioasis.Client.Drivers;

/// <summary>
/// A function that a driver in user space has through VFIO and /dev/iommu: on the software IOMMU, in process or under
/// <c>ioasis run</c>, and on a real kernel. Its DMA goes through an IOAS, whose IOVAs <see cref="IoasDmaSpace"/>
/// chooses.
/// </summary>
public sealed partial class VfioFunction : DriverFunction
{
    // In the order in which a driver wants them.
    private static readonly uint[] s_kinds =
        [VfioH.VFIO_PCI_MSIX_IRQ_INDEX, VfioH.VFIO_PCI_MSI_IRQ_INDEX, VfioH.VFIO_PCI_INTX_IRQ_INDEX];

    private readonly VfioDevice _device;
    private readonly IommuContext? _ownContext; // goes with the function
    private readonly VfioRegion _config;
    private readonly VfioInterrupt? _interrupts;
    private int _connected; // whether an interrupt was connected before
    private int _disposed;

    private VfioFunction(string name, VfioDevice device, IoasDmaSpace space, DmaDeviceOptions? options,
        IommuContext? ownContext = null) : base(name)
    {
        _device = device;
        _ownContext = ownContext;
        Space = space;
        _config = device.GetRegion(VfioH.VFIO_PCI_CONFIG_REGION_INDEX);
        _interrupts = s_kinds.Select(device.GetInterrupt).FirstOrDefault(kind => kind.Count > 0);
        Dma = new DmaDevice(space, name, options);
    }

    /// <summary>The I/O addresses that the function shares with the others in its IOAS.</summary>
    public IoasDmaSpace Space { get; }

    /// <inheritdoc/>
    public override DmaDevice Dma { get; }

    /// <inheritdoc/>
    public override int InterruptCount => (int)(_interrupts?.Count ?? 0);

    /// <summary>Opens a PCI function with a context and an IOAS of its own.</summary>
    /// <param name="nodes">The transport.</param>
    /// <param name="requester">The function's address.</param>
    /// <param name="options">How its DMA is done; null for the defaults.</param>
    /// <exception cref="IommuException">There is no such function, no VFIO driver is bound to it, its node or
    /// /dev/iommu cannot be opened, or EBUSY: another program has its group.</exception>
    public static VfioFunction Open(NodeTransport nodes, RequesterId requester, DmaDeviceOptions? options = null) =>
        Open(nodes, VfioNode.Of(nodes, requester).Path, $"{requester}", options);

    /// <summary>Opens a VFIO device by its node, such as an mdev's, with a context and an IOAS of its own.</summary>
    /// <param name="nodes">The transport.</param>
    /// <param name="path">The node.</param>
    /// <param name="options">How its DMA is done; null for the defaults.</param>
    /// <exception cref="IommuException">As for a PCI function.</exception>
    public static VfioFunction Open(NodeTransport nodes, string path, DmaDeviceOptions? options = null) =>
        Open(nodes, path, path, options);

    /// <summary>
    /// Opens a VFIO device in an IOAS that is in use: the devices share its IOVAs and mappings. The owner of the IOAS
    /// must outlive the function.
    /// </summary>
    /// <param name="space">The addresses of the IOAS.</param>
    /// <param name="path">The node.</param>
    /// <param name="options">How its DMA is done; null for the defaults.</param>
    /// <exception cref="IommuException">As for a PCI function, and EADDRINUSE if something is mapped at IOVAs that the
    /// device reserves.</exception>
    public static VfioFunction Open(IoasDmaSpace space, string path, DmaDeviceOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(space);
        VfioDevice device = VfioDevice.Open(space.Ioas.Context.Nodes, path);
        try
        {
            device.Bind(space.Ioas.Context);
            device.Attach(space.Ioas);
            return new VfioFunction(path, device, space, options);
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }

    private static VfioFunction Open(NodeTransport nodes, string path, string name, DmaDeviceOptions? options)
    {
        VfioDevice device = VfioDevice.Open(nodes, path);
        IommuContext? context = null;
        try
        {
            context = IommuContext.Open(nodes);
            device.Bind(context);
            Ioas ioas = context.AllocateIoas();
            device.Attach(ioas);
            // Closing the context frees the IOAS.
            return new VfioFunction(name, device, IoasDmaSpace.Of(ioas), options, context);
        }
        catch
        {
            device.Dispose();
            context?.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override T ReadConfig<T>(int offset) => _config.Read<T>((ulong)offset);

    /// <inheritdoc/>
    public override void WriteConfig<T>(int offset, T value) => _config.Write((ulong)offset, value);

    /// <inheritdoc/>
    public override DriverBar OpenBar(int index, bool maps = true)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(index, (int)VfioH.VFIO_PCI_BAR5_REGION_INDEX);
        VfioRegion region = _device.GetRegion((uint)index);
        return region.Size > 0
            ? new VfioBar(region, maps)
            : throw new IommuException(Errno.ENOENT, $"opening of BAR {index} of {Name}");
    }

    /// <inheritdoc/>
    public override DriverInterrupt OpenInterrupt(int vector)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(vector);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(vector, InterruptCount);
        bool isFirst = Interlocked.Exchange(ref _connected, 1) == 0;
        return new VfioDriverInterrupt(_device.Nodes, _interrupts!, (uint)vector, isFirst);
    }

    /// <inheritdoc/>
    public override void EnableBusMaster(bool on) => _device.EnableBusMaster(on);

    /// <inheritdoc/>
    public override IommuStatus Reset() =>
        Statuses.Of(_device.Handle.Ioctl(VfioH.VFIO_DEVICE_RESET, 0).Errno);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (!disposing || Interlocked.Exchange(ref _disposed, 1) != 0) return;
        try
        {
            _device.EnableBusMaster(false);
            Dma.Dispose();
        }
        finally
        {
            _device.Dispose(); // detaches its PASIDs, too
            _sva?.Dispose();
            _forPasids?.Dispose();
            _ownContext?.Dispose();
        }
    }
}
