using Ioasis.Devices.Blocks;
using Ioasis.Devices.Nvme;

namespace Ioasis.Devices;

/// <summary>
/// An NVM Express 1.4 controller with one namespace, 1b36:0010 like QEMU's. It can have mdevs of the type nvme-1q. See
/// docs/devices/nvme.md.
/// </summary>
public sealed class NvmeDevice : PciDeviceModel, IMdevParent
{
    internal const ushort VendorId = 0x1b36, SubsystemVendorId = 0x1af4;
    /// <summary>The most mdevs of a controller.</summary>
    internal const int MaxMdevs = 16;

    private const int PasidBits = 20;
    private readonly NvmeOptions _options;
    private BlockStore _store = null!;
    private NvmeController _controller = null!;

    /// <summary>Makes a controller. It opens its file when it is plugged in.</summary>
    /// <param name="options">Its options; null for 64 MiB of memory.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of range.</exception>
    public NvmeDevice(NvmeOptions? options = null)
    {
        _options = options ?? new NvmeOptions();
        ArgumentOutOfRangeException.ThrowIfLessThan(_options.Queues, 1, nameof(options));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(_options.Queues, NvmeRegisters.MostQueues, nameof(options));
        ArgumentOutOfRangeException.ThrowIfLessThan(_options.Size ?? NvmeNamespace.BlockSize, NvmeNamespace.BlockSize,
            nameof(options));
        ArgumentOutOfRangeException.ThrowIfNegative(_options.Mdevs, nameof(options));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(_options.Mdevs, MaxMdevs, nameof(options));
        Function = Describe(_options.Queues) with
        {
            HasInterruptPin = true,
            PasidBits = _options.Mdevs > 0 ? PasidBits : 0,
        };
        MdevTypes = _options.Mdevs > 0 ? [new NvmeSliceType(this, _options.Mdevs)] : [];
    }

    /// <inheritdoc/>
    public override PciFunction Function { get; }

    /// <inheritdoc/>
    public IReadOnlyList<MdevType> MdevTypes { get; }

    /// <summary>A controller with MSI-X and this many pairs of I/O queues.</summary>
    internal static PciFunction Describe(int queues) => new()
    {
        VendorId = VendorId,
        DeviceId = 0x0010,
        SubsystemVendorId = SubsystemVendorId,
        SubsystemId = 0x1100,
        Revision = 2,
        ClassCode = 0x010802,
        Msix = new MsixLayout(queues + 1, NvmeRegisters.Bar, NvmeRegisters.MsixTable, NvmeRegisters.MsixPending),
        Bars =
        [
            new Bar
            {
                Index = NvmeRegisters.Bar,
                Size = NvmeRegisters.BarSize,
                Is64Bit = true,
                UnclaimedByte = 0,
                Registers = NvmeRegisters.All(queues),
            },
        ],
    };

    /// <summary>One of the equal parts of the blocks: 0 is the controller's own, the others are mdevs'.</summary>
    internal BlockStore SliceOf(int part)
    {
        long size = NvmeSlice.SizeOf(_store, _options.Mdevs);
        return new NvmeSlice(_store, part * size, size);
    }

    /// <inheritdoc/>
    public override void Plug(IPciSlot slot)
    {
        _store = OpenStore();
        _controller = new NvmeController(slot, SliceOf(0), _options.Queues, _options.Serial);
    }

    private BlockStore OpenStore()
    {
        BlockStore store = BlockStore.Open(_options.File, _options.Size, readOnly: false, "an nvme");
        if (NvmeSlice.SizeOf(store, _options.Mdevs) >= NvmeNamespace.BlockSize) return store;
        store.Dispose();
        throw new ArgumentException(_options.Mdevs == 0
            ? $"A namespace of {store.Size} bytes has no block; give the nvme a \"size\"."
            : $"{store.Size} bytes are too few for an nvme and {_options.Mdevs} mdevs; give it a \"size\".");
    }

    /// <inheritdoc/>
    public override void Ring(int bar, Register register, ulong value) => _controller.Ring(register, (uint)value);

    /// <inheritdoc/>
    public override void Reset() => _controller.Reset();

    /// <inheritdoc/>
    public override void Unplug()
    {
        _controller.Unplug();
        _store.Dispose();
    }
}
