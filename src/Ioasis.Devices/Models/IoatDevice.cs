using Ioasis.Devices.Ioat;

namespace Ioasis.Devices;

/// <summary>
/// Intel's I/OAT DMA engine of Skylake, 8086:2021: copies and fills memory along a chain of descriptors. See
/// docs/devices/ioat.md.
/// </summary>
public sealed class IoatDevice : PciDeviceModel
{
    private readonly IoatOptions _options;
    private IoatChannel _channel = null!;

    /// <summary>Makes a device.</summary>
    /// <param name="options">Its options; null for the defaults.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option does not fit its register.</exception>
    public IoatDevice(IoatOptions? options = null)
    {
        _options = options ?? new IoatOptions();
        ArgumentOutOfRangeException.ThrowIfLessThan(_options.MaxTransferLog2, 12, nameof(options));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(_options.MaxTransferLog2, 20, nameof(options));
        Function = Describe(_options);
    }

    /// <inheritdoc/>
    public override PciFunction Function { get; }

    /// <inheritdoc/>
    public override void Plug(IPciSlot slot) => _channel = new IoatChannel(slot, _options);

    /// <inheritdoc/>
    public override void Ring(int bar, Register register, ulong value) => _channel.Ring(register, value);

    /// <inheritdoc/>
    public override void Reset() => _channel.Reset();

    /// <inheritdoc/>
    public override void Unplug() => _channel.Unplug();

    private static PciFunction Describe(IoatOptions options) => new()
    {
        VendorId = 0x8086,
        DeviceId = 0x2021,
        SubsystemVendorId = 0x8086,
        Revision = 4,
        ClassCode = 0x088000,
        Msix = new MsixLayout(Vectors: 1, IoatRegisters.Bar, IoatRegisters.MsixTable, IoatRegisters.MsixPending),
        Bars =
        [
            new Bar { Index = IoatRegisters.Bar, Size = IoatRegisters.BarSize, Is64Bit = true, UnclaimedByte = 0,
                Registers = IoatRegisters.All(options) },
        ],
    };
}
