using Ioasis.Core.Dma;
using Ioasis.Memory;
using Ioasis.Memory.Threads;

namespace Ioasis.Devices;

/// <summary>
/// QEMU's educational device, 1234:11e8 (its docs/specs/edu): factorials, interrupts on command, DMA. See
/// docs/devices/edu.md.
/// </summary>
public sealed class EduDevice : PciDeviceModel
{
    /// <summary>QEMU's default DMA address mask: 28 bits.</summary>
    public const ulong DefaultDmaMask = (1UL << 28) - 1;

    private const int BarIndex = 0;
    // the device's buffer, as the DMA engine sees it; drivers cannot reach it
    private const ulong BufferAddress = 0x40000;
    private const int BufferSize = 4096;
    private const uint Idle = 0xffffffff; // value that write-only registers read as

    private const uint Computing = 0x01;
    private const uint InterruptAfterFactorial = 0x80;
    private const ulong Run = 1, ToMemory = 2, InterruptAfterDma = 4;
    private const uint FactorialInterrupt = 0x001, DmaInterrupt = 0x100;

    private static readonly Register s_identification =
        new("identification", 0x00, 4, RegisterKind.ReadOnly, 0x010000ed) { Widths = AccessWidths.Four };
    private static readonly Register s_liveness =
        new("card liveness check", 0x04, 4, RegisterKind.Doorbell) { Widths = AccessWidths.Four };
    private static readonly Register s_factorial =
        new("factorial computation", 0x08, 4, RegisterKind.Doorbell) { Widths = AccessWidths.Four };
    private static readonly Register s_status =
        new("status", 0x20, 4, RegisterKind.Doorbell) { Widths = AccessWidths.Four };
    private static readonly Register s_interruptStatus =
        new("interrupt status", 0x24, 4, RegisterKind.ReadOnly) { Widths = AccessWidths.Four };
    private static readonly Register s_raise =
        new("interrupt raise", 0x60, 4, RegisterKind.Doorbell, Idle) { Widths = AccessWidths.Four };
    private static readonly Register s_acknowledge =
        new("interrupt acknowledge", 0x64, 4, RegisterKind.Doorbell, Idle) { Widths = AccessWidths.Four };
    private static readonly Register s_source =
        new("DMA source address", 0x80, 8, RegisterKind.ReadWrite) { Widths = AccessWidths.Four | AccessWidths.Eight };
    private static readonly Register s_destination =
        new("DMA destination address", 0x88, 8, RegisterKind.ReadWrite)
        {
            Widths = AccessWidths.Four | AccessWidths.Eight
        };
    private static readonly Register s_count =
        new("DMA transfer count", 0x90, 8, RegisterKind.ReadWrite) { Widths = AccessWidths.Four | AccessWidths.Eight };
    private static readonly Register s_command =
        new("DMA command", 0x98, 8, RegisterKind.Doorbell) { Widths = AccessWidths.Four | AccessWidths.Eight };

    // Guards the meaning of the registers. Taken after the slot's lock for calls, before its locks for bytes and
    // interrupts.
    private readonly RankedLock _lock = new(LockRank.Model);
    private readonly ulong _dmaMask;
    private readonly byte[] _buffer = new byte[BufferSize]; // only the DMA engine uses it while a command runs
    private readonly DeviceEngine<uint> _computing;
    private readonly DeviceEngine<Transfer> _transfers;
    private IPciSlot _slot = null!;
    private DmaPort _port = null!;
    private uint _factorial, _statusBits, _pending;
    private ulong _lastCommand;

    /// <summary>Makes a device.</summary>
    /// <param name="dmaMask">Address bits that its DMA engine drives. It drops the others.</param>
    public EduDevice(ulong dmaMask = DefaultDmaMask)
    {
        _dmaMask = dmaMask;
        _computing = DeviceEngine.Create<uint>("edu factorial", Compute);
        _transfers = DeviceEngine.Create<Transfer>("edu DMA", Move);
    }

    private readonly record struct Transfer(ulong Source, ulong Destination, ulong Count, ulong Command);

    /// <inheritdoc/>
    public override PciFunction Function { get; } = new()
    {
        VendorId = 0x1234,
        DeviceId = 0x11e8,
        SubsystemVendorId = 0x1af4,
        SubsystemId = 0x1100,
        Revision = 0x10,
        ClassCode = 0x00ff00,
        HasInterruptPin = true,
        MsiVectors = 1,
        IsExpress = false,
        Bars =
        [
            new Bar
            {
                Index = BarIndex,
                Size = 1 << 20,
                Registers =
                [
                    s_identification, s_liveness, s_status, s_factorial, s_interruptStatus, s_raise, s_acknowledge,
                    s_source, s_destination, s_count, s_command,
                ],
            },
        ],
    };

    /// <inheritdoc/>
    public override void Plug(IPciSlot slot)
    {
        _slot = slot;
        _port = slot.OpenDmaPort();
    }

    /// <inheritdoc/>
    public override void Ring(int bar, Register register, ulong value)
    {
        using (_lock.Enter())
        {
            switch (register.Offset)
            {
                case 0x04:
                    Publish(s_liveness, ~(uint)value);
                    break;
                case 0x08:
                    if ((_statusBits & Computing) == 0)
                    {
                        _factorial = (uint)value;
                        _statusBits |= Computing;
                        Publish(s_status, _statusBits);
                        _computing.TryStart(_factorial);
                    }

                    Publish(s_factorial, _factorial);
                    break;
                case 0x20:
                    _statusBits = (_statusBits & ~InterruptAfterFactorial) | ((uint)value & InterruptAfterFactorial);
                    Publish(s_status, _statusBits);
                    break;
                case 0x60:
                    Publish(s_raise, Idle);
                    Raise((uint)value);
                    break;
                case 0x64:
                    Publish(s_acknowledge, Idle);
                    _pending &= ~(uint)value;
                    Publish(s_interruptStatus, _pending);
                    if (_pending == 0) _slot.SetInterruptLine(false);
                    break;
                case 0x98:
                    if ((value & Run) != 0 && (_lastCommand & Run) == 0)
                    {
                        _lastCommand = value;
                        _transfers.TryStart(new Transfer(Value(s_source), Value(s_destination), Value(s_count), value));
                    }

                    Publish(s_command, _lastCommand);
                    break;
            }
        }
    }

    /// <inheritdoc/>
    public override void Reset()
    {
        _computing.Abort();
        _transfers.Abort();
        _buffer.AsSpan().Clear();
        using (_lock.Enter())
        {
            _factorial = _statusBits = _pending = 0;
            _lastCommand = 0;
        }
    }

    /// <inheritdoc/>
    public override void Unplug()
    {
        _computing.Dispose();
        _transfers.Dispose();
        _port.Dispose();
    }

    private void Compute(uint number, CancellationToken abort)
    {
        uint result = 1;
        // The loop is short for large numbers too: 2^32 divides every factorial from 34 on.
        for (; number > 0 && result != 0; number--) result = unchecked(result * number);
        using (_lock.Enter())
        {
            if (abort.IsCancellationRequested) return;
            _factorial = result;
            _statusBits &= ~Computing;
            Publish(s_factorial, result);
            Publish(s_status, _statusBits);
            if ((_statusBits & InterruptAfterFactorial) != 0) Raise(FactorialInterrupt);
        }
    }

    private void Move(Transfer transfer, CancellationToken abort)
    {
        bool toMemory = (transfer.Command & ToMemory) != 0;
        ulong memory = (toMemory ? transfer.Destination : transfer.Source) & _dmaMask;
        ulong at = unchecked((toMemory ? transfer.Source : transfer.Destination) - BufferAddress);
        if (at <= BufferSize && transfer.Count <= BufferSize - at)
        {
            Span<byte> part = _buffer.AsSpan((int)at, (int)transfer.Count);

            // The device cannot report a fault; the unit records it.
            if (toMemory) _port.Write(new Iova(memory), part);
            else _port.Read(new Iova(memory), part);
        }

        using (_lock.Enter())
        {
            if (abort.IsCancellationRequested) return;
            _lastCommand &= ~Run;
            Publish(s_command, _lastCommand);
            if ((_lastCommand & InterruptAfterDma) != 0) Raise(DmaInterrupt);
        }
    }

    private void Raise(uint bits)
    {
        _pending |= bits;
        Publish(s_interruptStatus, _pending);
        if (_pending != 0 && !_slot.RaiseMessage(0)) _slot.SetInterruptLine(true);
    }

    private ulong Value(Register register) => _slot.ReadRegister(BarIndex, register);

    private void Publish(Register register, ulong value) => _slot.Publish(BarIndex, register, value);
}
