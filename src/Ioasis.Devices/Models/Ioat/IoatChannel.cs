using System.Buffers.Binary;
using Ioasis.Core.Dma;
using Ioasis.Memory.Threads;

namespace Ioasis.Devices.Ioat;

/// <summary>
/// The channel: its driver's settings, its progress, and the registers that show it. A thread of its own executes
/// descriptors in order (<see cref="IoatOperations"/>).
/// </summary>
internal sealed class IoatChannel
{
    private const ulong AlignmentMask = IoatDescriptor.Size - 1;
    private const ushort LastCountTakenBack = 0x8000;
    private const byte InterruptsEnabled = 0x09; // the master enable bit, or the bit for all MSI-X vectors

    // Guards the fields below and the meaning of the registers. Taken after the slot's lock for calls, before its locks
    // for bytes and interrupts. Nobody holds it during DMA.
    private readonly RankedLock _lock = new(LockRank.Model);
    private readonly IPciSlot _slot;
    private readonly DmaPort _port;
    private readonly IoatOperations _operations;
    private readonly DeviceEngine<bool> _thread;
    private IoatStatus _status = IoatStatus.Armed;
    private IoatErrors _errors;
    private IoatErrors _misuse; // by the driver; the thread has not halted for it yet
    private ulong _next;
    private ulong _completed;
    private ushort _done, _wanted;
    private bool _suspends; // suspends after the present descriptor
    private bool _wasSuspended; // by a command, since the last reset
    private bool _armed = true;
    private bool _interruptWaits;

    internal IoatChannel(IPciSlot slot, IoatOptions options)
    {
        _slot = slot;
        _port = slot.OpenDmaPort();
        _operations = new IoatOperations(_port, options);
        _thread = DeviceEngine.Create<bool>("ioat channel", (_, abort) => Work(abort));
    }

    internal void Ring(Register register, ulong value)
    {
        if (register == IoatRegisters.Command) Execute((IoatCommand)value);
        else if (register == IoatRegisters.DmaCount) Count((ushort)value);
        else if (register == IoatRegisters.ChannelControl) Control((ushort)value);
        else if (register == IoatRegisters.Errors) Acknowledge((IoatErrors)value);
        else
            using (_lock.Enter()) LeaveReset(IoatStatus.SetUp);
    }

    /// <summary>Returns to the state after power-on, with the thread idle.</summary>
    internal void Reset()
    {
        _thread.Abort();
        using (_lock.Enter()) Forget();
    }

    /// <summary>Stops the channel and ends its thread.</summary>
    internal void Unplug()
    {
        _thread.Dispose();
        _port.Dispose();
    }

    private void Execute(IoatCommand command)
    {
        // Stops the thread between two pieces of a descriptor. Without the lock, because the thread may be waiting for
        // it.
        if (command is IoatCommand.Reset or IoatCommand.Abort) _thread.Abort();
        using (_lock.Enter())
        {
            switch (command)
            {
                case IoatCommand.None:
                    return;
                case IoatCommand.Reset:
                    bool isArmed = (_wasSuspended || ControlNow() != 0) && !TakesInterrupts;
                    Forget();
                    Publish(IoatRegisters.Errors, 0);
                    Publish(IoatRegisters.Current, 0);
                    Publish(IoatRegisters.DmaCount, 0);
                    if (IsBegun(_slot.ReadRegister(IoatRegisters.Bar, IoatRegisters.ChainAddress)))
                        Publish(IoatRegisters.ChainAddress, 0);
                    Show(isArmed ? IoatStatus.Armed : IoatStatus.Halted);
                    break;
                case IoatCommand.Abort:
                    Stop(IoatStatus.Halted);
                    break;
                case IoatCommand.Suspend:
                    _wasSuspended = true;
                    if (_status is IoatStatus.Active) _suspends = true; // between two descriptors
                    else if (_status is not IoatStatus.Halted && (_status is not IoatStatus.Armed || ControlNow() != 0))
                        Show(IoatStatus.Suspended);
                    break;
                case IoatCommand.Resume:
                    _suspends = false;
                    if (_status is IoatStatus.Suspended) Continue();
                    break;
                default:
                    _misuse = IoatErrors.Command;
                    _thread.TryStart(true);
                    break;
            }

            Publish(IoatRegisters.Command, 0); // last, because a driver waits for it
        }
    }

    /// <summary>
    /// Handles a new count of descriptors in the chain. If the driver wrote the chain's address since, a new chain
    /// begins. The address then reads with its lower bits set, so that a later write of the same address is noticed.
    /// </summary>
    private void Count(ushort value)
    {
        using (_lock.Enter())
        {
            ulong chain = _slot.ReadRegister(IoatRegisters.Bar, IoatRegisters.ChainAddress);
            if (chain != 0 && !IsBegun(chain))
            {
                if (_status is IoatStatus.Active) return; // suspends before it reads the count
                Publish(IoatRegisters.ChainAddress, chain | AlignmentMask);
                _next = chain;
                _completed = 0;
                _done = 0;
                Fail(IoatErrors.None);
                _status = IoatStatus.Done;
            }

            _wanted = value;

            // Makes the same count for another chain noticeable. A driver that goes on with this chain counts up, and
            // reaches 0 again only after half of all counts.
            if (value <= LastCountTakenBack) Publish(IoatRegisters.DmaCount, 0);
            if (_status is not (IoatStatus.Suspended or IoatStatus.Halted or IoatStatus.Armed)) Continue();
        }
    }

    private void Control(ushort value)
    {
        using (_lock.Enter())
        {
            bool rearms = (value & (ushort)IoatChannelControl.InterruptRearm) != 0;
            LeaveReset(rearms || TakesInterrupts ? IoatStatus.SetUp : IoatStatus.Armed);
            if (!rearms) return;
            _armed = true;
            Publish(IoatRegisters.ChannelControl, (uint)value & ~(uint)IoatChannelControl.InterruptRearm);
            if (_interruptWaits) Interrupt();
        }
    }

    private void Acknowledge(IoatErrors errors)
    {
        using (_lock.Enter()) Fail(_errors & ~errors);
    }

    /// <summary>
    /// Leaves the halted state after a reset. The driver's setup shows that it has seen the channel halted, and which
    /// status it will expect next. It may write through a mapping, before we see its stores. A driver that uses
    /// interrupts starts a chain and at once expects the status active (Linux). A driver that uses none writes the
    /// address of a chain, which makes hardware armed, and polls the status for some microseconds (DPDK).
    /// </summary>
    private void LeaveReset(IoatStatus status)
    {
        if (_status is IoatStatus.Halted or IoatStatus.Armed && _errors == IoatErrors.None) Show(status);
    }

    /// <summary>
    /// Whether the chain at an address has begun. If not, the driver has written the address since, perhaps after a
    /// reset and through a mapping whose store we see only now.
    /// </summary>
    private static bool IsBegun(ulong chain) => (chain & AlignmentMask) == AlignmentMask;

    private bool TakesInterrupts =>
        (_slot.ReadRegister(IoatRegisters.Bar, IoatRegisters.InterruptControl) & InterruptsEnabled) != 0;

    private void Work(CancellationToken abort)
    {
        while (true)
        {
            ulong at = 0;
            bool isLast;
            IoatErrors errors;
            using (_lock.Enter())
            {
                if (abort.IsCancellationRequested) return;
                errors = _misuse;
                _misuse = IoatErrors.None;
                if (errors == IoatErrors.None && !TryNext(out at, out errors)) return;
                isLast = (ushort)(_done + 1) == _wanted;
            }

            IoatDescriptor descriptor = default;
            if (errors == IoatErrors.None) errors = _operations.Run(at, out descriptor, abort);
            if (abort.IsCancellationRequested) return;

            // Writes the status that the channel will have if no more descriptors come.
            if (errors == IoatErrors.None && descriptor.Has(IoatControl.CompletionWrite)
                && !TryWriteCompletion(at, isLast ? IoatStatus.Done : IoatStatus.Active))
                errors = IoatErrors.CompletionAddress;
            if (errors != IoatErrors.None)
            {
                Halt(at, errors, abort);
                return;
            }

            using (_lock.Enter())
            {
                if (abort.IsCancellationRequested) return;
                Publish(IoatRegisters.Current, at);
                _completed = at;
                _next = descriptor.Next;
                _done++;
                if (descriptor.Has(IoatControl.Interrupt)) Interrupt();
                Show(_done != _wanted ? _status : IoatStatus.Done);
                if (_suspends) Stop(IoatStatus.Suspended);
            }
        }
    }

    /// <summary>The next descriptor of the chain; false if none is due now.</summary>
    private bool TryNext(out ulong at, out IoatErrors errors)
    {
        at = _next;
        errors = (at & AlignmentMask) == 0 ? IoatErrors.None
            : _done == 0 ? IoatErrors.ChainAddressValue : IoatErrors.NextDescriptorAlignment;
        return _status is IoatStatus.Active && _done != _wanted;
    }

    /// <summary>Continues the chain, if it has more descriptors.</summary>
    private void Continue()
    {
        Show(_done == _wanted ? IoatStatus.Done : IoatStatus.Active);
        if (_status is IoatStatus.Active) _thread.TryStart(true); // false: the thread is about to look again anyway
    }

    /// <summary>
    /// An error ends the chain at a descriptor, which does not count as completed. Runs on the channel's thread.
    /// </summary>
    private void Halt(ulong at, IoatErrors errors, CancellationToken abort)
    {
        using (_lock.Enter())
        {
            if (abort.IsCancellationRequested) return;
            Publish(IoatRegisters.Current, at);
            Fail(_errors | errors);
        }

        var control = (IoatChannelControl)ControlNow();
        if ((control & IoatChannelControl.ErrorCompletion) != 0 && errors != IoatErrors.CompletionAddress)
            TryWriteCompletion(_completed, IoatStatus.Halted);
        using (_lock.Enter())
        {
            if (abort.IsCancellationRequested) return;
            Stop(IoatStatus.Halted);
            if ((control & IoatChannelControl.ErrorInterrupt) != 0) Interrupt();
        }
    }

    private bool TryWriteCompletion(ulong descriptor, IoatStatus status) =>
        _operations.TryWrite(_slot.ReadRegister(IoatRegisters.Bar, IoatRegisters.CompletionAddress),
            descriptor | (ulong)status);

    private void Stop(IoatStatus status)
    {
        _suspends = false;
        Show(status);
    }

    /// <summary>
    /// Raises an interrupt, unless one was raised since the driver last rearmed. In that case it is raised on rearming.
    /// </summary>
    private void Interrupt()
    {
        _interruptWaits = !_armed;
        if (!_armed || !TakesInterrupts) return;
        _armed = false;
        _slot.RaiseMessage(0);
    }

    /// <summary>
    /// The control register as it is in the BAR, seen or not: the driver wrote it before the event that is handled now.
    /// </summary>
    private ushort ControlNow()
    {
        Span<byte> bytes = stackalloc byte[sizeof(ushort)];
        _slot.ReadBar(IoatRegisters.Bar, IoatRegisters.ChannelControl.Offset, bytes);
        return BinaryPrimitives.ReadUInt16LittleEndian(bytes);
    }

    private void Forget()
    {
        _status = IoatStatus.Armed;
        _errors = _misuse = IoatErrors.None;
        _suspends = _wasSuspended = false;
        _next = _completed = 0;
        _done = _wanted = 0;
        _armed = true;
        _interruptWaits = false;
    }

    private void Fail(IoatErrors errors)
    {
        _errors = errors;
        Publish(IoatRegisters.Errors, (uint)errors);
    }

    private void Show(IoatStatus status)
    {
        _status = status;
        Publish(IoatRegisters.Status, _completed | (ulong)(status is IoatStatus.SetUp ? IoatStatus.Active : status));
    }

    private void Publish(Register register, ulong value) => _slot.Publish(IoatRegisters.Bar, register, value);
}
