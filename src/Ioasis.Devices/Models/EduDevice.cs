using Ioasis.Core.Dma;
using Ioasis.Devices.Edu;
using Ioasis.Memory;

namespace Ioasis.Devices;

/// <summary>
/// QEMU's educational device, 1234:11e8 (its docs/specs/edu): factorials, interrupts on command, DMA. See
/// docs/devices/edu.md.
/// </summary>
public sealed class EduDevice : PciDeviceModel, IEduHost
{
    /// <summary>QEMU's default DMA address mask: 28 bits.</summary>
    public const ulong DefaultDmaMask = (1UL << 28) - 1;

    private const int BarIndex = 0;
    private const AccessWidths FourOrEight = AccessWidths.Four | AccessWidths.Eight;

    private static readonly Register[] s_registers =
    [
        new("identification", EduRegisters.Identification, 4, RegisterKind.ReadOnly, EduRegisters.Identity)
            { Widths = AccessWidths.Four },
        new("card liveness check", EduRegisters.Liveness, 4, RegisterKind.Doorbell) { Widths = AccessWidths.Four },
        new("status", EduRegisters.Status, 4, RegisterKind.Doorbell) { Widths = AccessWidths.Four },
        new("factorial computation", EduRegisters.Factorial, 4, RegisterKind.Doorbell) { Widths = AccessWidths.Four },
        new("interrupt status", EduRegisters.InterruptStatus, 4, RegisterKind.ReadOnly) { Widths = AccessWidths.Four },
        new("interrupt raise", EduRegisters.RaiseInterrupt, 4, RegisterKind.Doorbell, EduRegisters.Idle)
            { Widths = AccessWidths.Four },
        new("interrupt acknowledge", EduRegisters.Acknowledge, 4, RegisterKind.Doorbell, EduRegisters.Idle)
            { Widths = AccessWidths.Four },
        new("DMA source address", EduRegisters.Source, 8, RegisterKind.ReadWrite) { Widths = FourOrEight },
        new("DMA destination address", EduRegisters.Destination, 8, RegisterKind.ReadWrite) { Widths = FourOrEight },
        new("DMA transfer count", EduRegisters.Count, 8, RegisterKind.ReadWrite) { Widths = FourOrEight },
        new("DMA command", EduRegisters.Command, 8, RegisterKind.Doorbell) { Widths = FourOrEight },
    ];

    private readonly EduCore _core;
    private IPciSlot _slot = null!;
    private DmaPort _port = null!;

    /// <summary>Makes a device.</summary>
    /// <param name="dmaMask">Address bits that its DMA engine drives. It drops the others.</param>
    public EduDevice(ulong dmaMask = DefaultDmaMask) => _core = new EduCore(this, dmaMask);

    /// <inheritdoc/>
    public override PciFunction Function { get; } = new()
    {
        VendorId = EduConfig.VendorId,
        DeviceId = EduConfig.DeviceId,
        SubsystemVendorId = EduConfig.SubsystemVendorId,
        SubsystemId = EduConfig.SubsystemId,
        Revision = EduConfig.Revision,
        ClassCode = EduConfig.ClassCode,
        HasInterruptPin = true,
        MsiVectors = 1,
        IsExpress = false,
        Bars = [new Bar { Index = BarIndex, Size = EduConfig.BarSize, Registers = s_registers }],
    };

    /// <inheritdoc/>
    public override void Plug(IPciSlot slot)
    {
        _slot = slot;
        _port = slot.OpenDmaPort();
    }

    /// <inheritdoc/>
    public override void Ring(int bar, Register register, ulong value) => _core.Ring(register.Offset, value);

    /// <inheritdoc/>
    public override void Reset() => _core.Reset();

    /// <inheritdoc/>
    public override void Unplug()
    {
        _core.End();
        _port.Dispose();
    }

    ulong IEduHost.ValueOf(uint offset) => _slot.ReadRegister(BarIndex, At(offset));

    void IEduHost.Publish(uint offset, ulong value) => _slot.Publish(BarIndex, At(offset), value);

    void IEduHost.Raise()
    {
        if (!_slot.RaiseMessage(0)) _slot.SetInterruptLine(true);
    }

    void IEduHost.Lower() => _slot.SetInterruptLine(false);

    /// <summary>The unit records what it refuses.</summary>
    void IEduHost.Move(Iova memory, Span<byte> buffer, bool toMemory, CancellationToken abort)
    {
        if (toMemory) _port.Write(memory, buffer);
        else _port.Read(memory, buffer);
    }

    private static Register At(uint offset) => Array.Find(s_registers, register => register.Offset == offset)!;
}
