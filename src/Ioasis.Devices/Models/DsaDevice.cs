using System.Runtime.InteropServices;
using Ioasis.Devices.Dsa;
using Ioasis.Memory;

namespace Ioasis.Devices;

/// <summary>
/// Intel's Data Streaming Accelerator, 8086:0b25: moves, fills and compares memory in any address space that it has
/// access to. See docs/devices/dsa.md.
/// </summary>
public sealed class DsaDevice : PciDeviceModel
{
    private readonly DsaOptions _options;
    private DsaScheduler _scheduler = null!;
    private DsaCommands _commands = null!;

    /// <summary>Makes a device.</summary>
    /// <param name="options">Its options; null for those of the first generation.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option does not fit its register.</exception>
    public DsaDevice(DsaOptions? options = null)
    {
        _options = options ?? new DsaOptions();
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)_options.MaxTransferLog2, 31u, nameof(options));
        ArgumentOutOfRangeException.ThrowIfZero(_options.MaxBatchLog2, nameof(options));
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)_options.MaxBatchLog2, 15u, nameof(options));
        Function = Describe(_options);
    }

    /// <inheritdoc/>
    public override PciFunction Function { get; }

    /// <inheritdoc/>
    public override void Plug(IPciSlot slot)
    {
        _scheduler = new DsaScheduler(slot, _options);
        _commands = new DsaCommands(slot, _options, _scheduler);
    }

    /// <inheritdoc/>
    public override void Ring(int bar, Register register, ulong value)
    {
        using (_scheduler.Lock.Enter())
        {
            if (register == DsaRegisters.Command) _commands.Execute((uint)value);
            else if (register == DsaRegisters.Cause) _scheduler.Errors.AcknowledgeCause((uint)value);
            else _scheduler.Errors.Acknowledge(value);
        }
    }

    /// <inheritdoc/>
    public override void Submit(int bar, ulong offset, ReadOnlySpan<byte> descriptor)
    {
        int page = (int)(offset / DsaRegisters.PageSize);
        // a portal for IMS, which this device has not
        if (page % DsaRegisters.PortalPages >= DsaRegisters.PortalPages / 2) return;
        using (_scheduler.Lock.Enter())
            _scheduler.Accept(_scheduler.Queues[page / DsaRegisters.PortalPages], page % 2 != 0,
                MemoryMarshal.Read<DsaDescriptor>(descriptor));
    }

    /// <inheritdoc/>
    public override void Reset()
    {
        _scheduler.Reset();
        using (_scheduler.Lock.Enter()) _commands.Reset();
    }

    /// <inheritdoc/>
    public override void Unplug() => _scheduler.Unplug();

    /// <summary>Describes the PCI function.</summary>
    private static PciFunction Describe(DsaOptions options) => new()
    {
        VendorId = 0x8086,
        DeviceId = 0x0b25,
        SubsystemVendorId = 0x8086,
        ClassCode = 0x088000,
        PasidBits = Pasid.Bits,
        PasidPrivileged = true,
        HasAts = true,
        PageRequests = DsaRegisters.PageRequests,
        Msix = new MsixLayout(DsaRegisters.Vectors, DsaRegisters.Bar, TableOffset: 0x2000, PendingOffset: 0x3000),
        Bars =
        [
            new Bar { Index = DsaRegisters.Bar, Size = DsaRegisters.BarSize, Is64Bit = true, IsPrefetchable = true,
                UnclaimedByte = 0, Registers = DsaRegisters.All(options) },
            new Bar
            {
                Index = DsaRegisters.PortalBar,
                Size = DsaRegisters.Queues * DsaRegisters.PortalPages * DsaRegisters.PageSize,
                Is64Bit = true,
                IsPrefetchable = true,
                IsPortal = true,
                UnclaimedByte = 0,
            },
        ],
    };
}
