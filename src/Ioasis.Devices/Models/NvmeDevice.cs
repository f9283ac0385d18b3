using Ioasis.Devices.Nvme;

namespace Ioasis.Devices;

/// <summary>
/// An NVM Express 1.4 controller with one namespace, 1b36:0010 like QEMU's. See docs/devices/nvme.md.
/// </summary>
public sealed class NvmeDevice : PciDeviceModel
{
    internal const ushort VendorId = 0x1b36, SubsystemVendorId = 0x1af4;
    private readonly NvmeOptions _options;
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
        Function = new PciFunction
        {
            VendorId = VendorId,
            DeviceId = 0x0010,
            SubsystemVendorId = SubsystemVendorId,
            SubsystemId = 0x1100,
            Revision = 2,
            ClassCode = 0x010802,
            HasInterruptPin = true,
            Msix = new MsixLayout(_options.Queues + 1, NvmeRegisters.Bar, NvmeRegisters.MsixTable,
                NvmeRegisters.MsixPending),
            Bars =
            [
                new Bar
                {
                    Index = NvmeRegisters.Bar,
                    Size = NvmeRegisters.BarSize,
                    Is64Bit = true,
                    UnclaimedByte = 0,
                    Registers = NvmeRegisters.All(_options.Queues),
                },
            ],
        };
    }

    /// <inheritdoc/>
    public override PciFunction Function { get; }

    /// <inheritdoc/>
    public override void Plug(IPciSlot slot) => _controller = new NvmeController(slot, _options);

    /// <inheritdoc/>
    public override void Ring(int bar, Register register, ulong value) => _controller.Ring(register, (uint)value);

    /// <inheritdoc/>
    public override void Reset() => _controller.Reset();

    /// <inheritdoc/>
    public override void Unplug() => _controller.Unplug();
}
