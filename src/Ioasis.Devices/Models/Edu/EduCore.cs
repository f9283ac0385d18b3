using Ioasis.Memory;
using Ioasis.Memory.Threads;
using static Ioasis.Devices.Edu.EduRegisters;

namespace Ioasis.Devices.Edu;

/// <summary>
/// The work behind edu's registers: factorials, interrupts on command, and DMA. Its host keeps the registers' bytes.
/// </summary>
internal sealed class EduCore
{
    // Guards the meaning of the registers. Taken after the lock for calls to the device, before the locks for bytes and
    // interrupts.
    private readonly RankedLock _lock = new(LockRank.Model);
    private readonly IEduHost _host;
    private readonly byte[] _buffer = new byte[BufferSize]; // only the DMA engine uses it while a command runs
    private readonly DeviceEngine<uint> _computing;
    private readonly DeviceEngine<Transfer> _transfers;
    private uint _factorial, _statusBits, _pending;
    private ulong _lastCommand;

    /// <param name="host">What carries it.</param>
    /// <param name="dmaMask">Address bits that the DMA engine drives. It drops the others.</param>
    internal EduCore(IEduHost host, ulong dmaMask)
    {
        _host = host;
        DmaMask = dmaMask;
        _computing = DeviceEngine.Create<uint>("edu factorial", Compute);
        _transfers = DeviceEngine.Create<Transfer>("edu DMA", Move);
    }

    private readonly record struct Transfer(ulong Source, ulong Destination, ulong Count, ulong Command);

    /// <summary>Address bits that the DMA engine drives. No transfer runs while they change.</summary>
    internal ulong DmaMask { get; set; }

    /// <summary>A driver has written to a register that does something.</summary>
    internal void Ring(uint offset, ulong value)
    {
        using (_lock.Enter())
        {
            switch (offset)
            {
                case Liveness:
                    _host.Publish(Liveness, ~(uint)value);
                    break;
                case Factorial:
                    if ((_statusBits & Computing) == 0)
                    {
                        _factorial = (uint)value;
                        _statusBits |= Computing;
                        _host.Publish(Status, _statusBits);
                        _computing.TryStart(_factorial);
                    }

                    _host.Publish(Factorial, _factorial);
                    break;
                case Status:
                    _statusBits = (_statusBits & ~InterruptAfterFactorial) | ((uint)value & InterruptAfterFactorial);
                    _host.Publish(Status, _statusBits);
                    break;
                case RaiseInterrupt:
                    _host.Publish(RaiseInterrupt, Idle);
                    RaiseBits((uint)value);
                    break;
                case Acknowledge:
                    _host.Publish(Acknowledge, Idle);
                    _pending &= ~(uint)value;
                    _host.Publish(InterruptStatus, _pending);
                    if (_pending == 0) _host.Lower();
                    break;
                case Command:
                    if ((value & Run) != 0 && (_lastCommand & Run) == 0)
                    {
                        _lastCommand = value;
                        _transfers.TryStart(new Transfer(
                            _host.ValueOf(Source), _host.ValueOf(Destination), _host.ValueOf(Count), value));
                    }

                    _host.Publish(Command, _lastCommand);
                    break;
            }
        }
    }

    /// <summary>Raises interrupts.</summary>
    internal void Raise(uint bits)
    {
        using (_lock.Enter()) RaiseBits(bits);
    }

    /// <summary>Ends all work and forgets everything. The host gives its registers their first values.</summary>
    internal void Reset()
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

    /// <summary>Ends all work and the threads.</summary>
    internal void End()
    {
        _computing.Dispose();
        _transfers.Dispose();
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
            _host.Publish(Factorial, result);
            _host.Publish(Status, _statusBits);
            if ((_statusBits & InterruptAfterFactorial) != 0) RaiseBits(FactorialInterrupt);
        }
    }

    private void Move(Transfer transfer, CancellationToken abort)
    {
        bool toMemory = (transfer.Command & ToMemory) != 0;
        ulong memory = (toMemory ? transfer.Destination : transfer.Source) & DmaMask;
        ulong at = unchecked((toMemory ? transfer.Source : transfer.Destination) - BufferAddress);
        if (at <= BufferSize && transfer.Count <= BufferSize - at)
            _host.Move(new Iova(memory), _buffer.AsSpan((int)at, (int)transfer.Count), toMemory, abort);
        using (_lock.Enter())
        {
            if (abort.IsCancellationRequested) return;
            _lastCommand &= ~Run;
            _host.Publish(Command, _lastCommand);
            if ((_lastCommand & InterruptAfterDma) != 0) RaiseBits(DmaInterrupt);
        }
    }

    private void RaiseBits(uint bits)
    {
        _pending |= bits;
        _host.Publish(InterruptStatus, _pending);
        if (_pending != 0) _host.Raise();
    }
}
