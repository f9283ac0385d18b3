using Ioasis.Devices.Dsa;
using Ioasis.Memory;

namespace Ioasis.Devices;

/// <summary>
/// Intel's Data Streaming Accelerator, 8086:0b25: moves, fills and compares memory in any address space that it has
/// access to. Queues can be mdevs of the types dsa-1dwq-v1 and dsa-1swq-v1. See docs/devices/dsa.md.
/// </summary>
public sealed class DsaDevice : PciDeviceModel, IMdevParent
{
    /// <summary>The most queues that mdevs can have.</summary>
    public const int MaxMdevQueues = 7;

    private readonly DsaOptions _options;
    private readonly DsaLayout _layout;
    private DsaUnit? _unit;

    /// <summary>Makes a device.</summary>
    /// <param name="options">Its options; null for those of the first generation.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option does not fit its register.</exception>
    public DsaDevice(DsaOptions? options = null)
    {
        _options = options ?? new DsaOptions();
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)_options.MaxTransferLog2, 31u, nameof(options));
        ArgumentOutOfRangeException.ThrowIfZero(_options.MaxBatchLog2, nameof(options));
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)_options.MaxBatchLog2, 15u, nameof(options));
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)_options.Mdevs, (uint)MaxMdevQueues, nameof(options));
        _layout = DsaLayout.OfFunction(_options);
        Function = Describe(_layout) with
        {
            PasidBits = Pasid.Bits,
            PasidPrivileged = true,
            HasAts = true,
            PageRequests = DsaRegisters.PageRequests,
        };
        if (_options.Mdevs == 0) return;
        var queues = new DsaMdevQueues(_options.Mdevs);
        MdevTypes =
        [
            new DsaMdevType(this, _options, queues, isShared: false),
            new DsaMdevType(this, _options, queues, isShared: true),
        ];
    }

    /// <inheritdoc/>
    public override PciFunction Function { get; }

    /// <inheritdoc/>
    public IReadOnlyList<MdevType> MdevTypes { get; } = [];

    /// <summary>Whether PRI is enabled.</summary>
    internal bool HasPageRequests => _unit!.HasPageRequests;

    /// <inheritdoc/>
    public override void Plug(IPciSlot slot) => _unit = new DsaUnit(slot, _options, _layout);

    /// <inheritdoc/>
    public override void Ring(int bar, Register register, ulong value) => _unit!.Ring(register, value);

    /// <inheritdoc/>
    public override bool TrySubmit(int bar, ulong offset, ReadOnlySpan<byte> descriptor) =>
        _unit!.TrySubmit(offset, descriptor);

    /// <inheritdoc/>
    public override void Reset() => _unit!.Reset();

    /// <inheritdoc/>
    public override void Unplug() => _unit!.Unplug();

    /// <summary>Describes the PCI function that has these registers.</summary>
    internal static PciFunction Describe(DsaLayout layout) => new()
    {
        VendorId = 0x8086,
        DeviceId = 0x0b25,
        SubsystemVendorId = 0x8086,
        ClassCode = 0x088000,
        Msix = layout.Msix,
        Bars =
        [
            new Bar
            {
                Index = DsaRegisters.Bar,
                Size = layout.BarSize,
                Is64Bit = true,
                IsPrefetchable = true,
                IsMappable = !layout.IsPart, // the host of a part sees each access
                UnclaimedByte = 0,
                Registers = layout.Registers,
            },
            new Bar
            {
                Index = DsaRegisters.PortalBar,
                Size = layout.PortalSize,
                Is64Bit = true,
                IsPrefetchable = true,
                IsPortal = true,
                UnclaimedByte = 0,
            },
        ],
    };
}
