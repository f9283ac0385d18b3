using Ioasis.Core.Dma;
using Ioasis.Core.Faults;
using Ioasis.Memory;

namespace Ioasis.Devices;

/// <summary>
/// A device to test DMA with, 1234:11e9: one command copies between memory and a buffer of its own, tells how it went, and raises the
/// interrupt it was asked for. See docs/devices/dmatest.md.
/// </summary>
public sealed class DmaTestDevice : PciDeviceModel
{
    private const int RegisterBar = 0;
    private const int BufferBar = 2;
    private const int BufferSize = 4096;
    private const int PausedChunk = 64;
    private const uint Start = 1, ToDevice = 2;
    private const uint StatusIdle = 0, StatusDone = 1, StatusFault = 2, StatusBadLength = 3;
    private const uint NoVector = 0xffffffff;

    private static readonly Register s_iova = new("iova", 0x00, 8, RegisterKind.ReadWrite);
    private static readonly Register s_command = new("command", 0x08, 4, RegisterKind.Doorbell);
    private static readonly Register s_length = new("length", 0x10, 4, RegisterKind.ReadWrite, BufferSize);
    private static readonly Register s_status = new("status", 0x14, 4, RegisterKind.ReadOnly);
    private static readonly Register s_reason = new("fault reason", 0x18, 4, RegisterKind.ReadOnly);
    private static readonly Register s_vector = new("interrupt vector", 0x1c, 4, RegisterKind.ReadWrite, NoVector);
    private static readonly Register s_completed = new("completed commands", 0x20, 8, RegisterKind.ReadOnly);
    private static readonly Register s_pause = new("pause", 0x28, 4, RegisterKind.ReadWrite);

    // Guards what follows. Taken after the slot's lock for calls, before its lock for bytes.
    private readonly Lock _lock = new();
    private readonly DeviceEngine<Command> _engine;
    private IPciSlot _slot = null!;
    private DmaPort _port = null!;
    private uint _running; // the command that runs, as it was written; 0 for none
    private ulong _completedCount;

    /// <summary>Makes a device.</summary>
    public DmaTestDevice() => _engine = DeviceEngine.Create<Command>("dmatest DMA", Run);

    private readonly record struct Command(Iova Iova, uint Length, bool IsToDevice, uint Vector, TimeSpan Pause);

    /// <inheritdoc/>
    public override PciFunction Function { get; } = new()
    {
        VendorId = 0x1234,
        DeviceId = 0x11e9,
        ClassCode = 0x00ff00,
        MsiVectors = 1,
        Msix = new MsixLayout(Vectors: 4, Bar: 4, TableOffset: 0, PendingOffset: 0x800),
        Bars =
        [
            new Bar
            {
                Index = RegisterBar,
                Size = 4096,
                Is64Bit = true,
                Registers = [s_iova, s_command, s_length, s_status, s_reason, s_vector, s_completed, s_pause],
            },
            new Bar { Index = BufferBar, Size = BufferSize, Is64Bit = true, IsMemory = true },
            new Bar { Index = 4, Size = 4096, Is64Bit = true, UnclaimedByte = 0 },
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
        lock (_lock)
        {
            if ((value & Start) == 0 || _running != 0)
            {
                Publish(s_command, _running);
                return;
            }

            _running = (uint)value;
            Publish(s_status, StatusIdle);
            Publish(s_reason, 0);
            _engine.TryStart(new Command(
                new Iova(_slot.ReadRegister(RegisterBar, s_iova)),
                (uint)_slot.ReadRegister(RegisterBar, s_length),
                (value & ToDevice) != 0,
                (uint)_slot.ReadRegister(RegisterBar, s_vector),
                TimeSpan.FromMicroseconds((uint)_slot.ReadRegister(RegisterBar, s_pause))));
        }
    }

    /// <inheritdoc/>
    public override void Reset()
    {
        _engine.Abort();
        lock (_lock)
        {
            _running = 0;
            _completedCount = 0;
        }
    }

    /// <inheritdoc/>
    public override void Unplug()
    {
        _engine.Dispose();
        _port.Dispose();
    }

    private void Run(Command command, CancellationToken abort)
    {
        uint status = StatusBadLength;
        FaultReason reason = FaultReason.None;
        if (command.Length is >= 1 and <= BufferSize)
        {
            if (!TryCopy(command, abort, out reason)) return;
            status = reason == FaultReason.None ? StatusDone : StatusFault;
        }

        lock (_lock)
        {
            if (abort.IsCancellationRequested) return;
            Publish(s_status, status);
            Publish(s_reason, (uint)reason);
            Publish(s_completed, ++_completedCount);
            _running = 0;
            Publish(s_command, 0);
        }

        if (command.Vector <= int.MaxValue) _slot.RaiseMessage((int)command.Vector);
    }

    /// <summary>Copies up to the first fault; false when it was to stop.</summary>
    private bool TryCopy(Command command, CancellationToken abort, out FaultReason reason)
    {
        reason = FaultReason.None;
        int chunk = command.Pause > TimeSpan.Zero ? PausedChunk : BufferSize;
        Span<byte> bytes = stackalloc byte[BufferSize];
        for (int done = 0; done < command.Length && reason == FaultReason.None; done += chunk)
        {
            if (!abort.Pause(command.Pause)) return false;
            Span<byte> part = bytes[..(int)Math.Min(chunk, command.Length - done)];
            var iova = new Iova(unchecked(command.Iova.Value + (uint)done));
            if (iova.Value < command.Iova.Value)
            {
                reason = FaultReason.BeyondAddressWidth;
            }
            else if (command.IsToDevice)
            {
                DmaResult result = _port.Read(iova, part);
                _slot.WriteBar(BufferBar, (uint)done, part[..result.BytesDone]);
                reason = result.Reason;
            }
            else
            {
                _slot.ReadBar(BufferBar, (uint)done, part);
                reason = _port.Write(iova, part).Reason;
            }
        }

        return true;
    }

    private void Publish(Register register, ulong value) => _slot.Publish(RegisterBar, register, value);
}
