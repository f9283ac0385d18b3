using Ioasis.Core.Dma;
using Ioasis.Core.Faults;
using Ioasis.Core.PageRequests;
using Ioasis.Memory;
using Ioasis.Memory.Threads;

namespace Ioasis.Devices;

/// <summary>
/// One channel of a <see cref="DmaTestDevice"/>: an engine with a thread, a port and registers of its own. A
/// <see cref="DmaTestSubdevice"/> has one that it takes from the device.
/// </summary>
internal sealed class DmaTestChannel
{
    private const int BufferBar = 2;
    private const int PausedChunk = 64;
    private const int Translations = 64;
    private const uint Start = 1, ToDevice = 2;
    private const uint PasidEnable = 1u << 31;
    internal const uint UsePri = 2;
    private const uint UseAts = 1;
    private const uint StatusIdle = 0, StatusDone = 1, StatusFault = 2, StatusBadLength = 3, StatusBadPasid = 4,
        StatusLent = 5;
    // higher values are a PageResponse plus AnswerFirst
    private const uint AnswerNone = 0, AnswerAwaited = 1, AnswerFirst = 2;
    private static readonly TimeSpan s_retry = TimeSpan.FromMicroseconds(50);

    // Guards the fields below. Taken after the slot's lock for calls, before its lock for bytes.
    private readonly RankedLock _lock = new(LockRank.Model);
    private readonly DmaTestRegisters _registers;
    private readonly DeviceEngine<Command> _engine;
    private readonly IPciSlot _slot;
    private readonly DmaPort _port;
    private readonly int _pasidBits; // of the PASIDs that a command can name
    private bool _isLent; // a subdevice has the channel; it stays so over a reset
    private uint _running; // the running command, as it was written; 0 for none
    private ulong _completedCount;
    private ulong _requestCount;
    private ulong _accessCount; // only the engine's thread uses it

    /// <summary>Makes a channel of a function, or the only one of a subdevice.</summary>
    /// <param name="number">The channel's number.</param>
    /// <param name="registers">Its registers.</param>
    /// <param name="slot">The slot of the function or subdevice.</param>
    internal DmaTestChannel(int number, DmaTestRegisters registers, IPciSlot slot)
    {
        _registers = registers;
        _slot = slot;
        _port = slot.OpenDmaPort(Translations);
        _pasidBits = _port.PasidBits;
        _engine = DeviceEngine.Create<Command>(number == 0 ? "dmatest DMA" : $"dmatest DMA {number}", Run);
    }

    private readonly record struct Command(
        Iova Iova, uint Length, bool IsToDevice, uint Vector, TimeSpan Pause, uint Pasid, uint Features,
        uint BufferOffset, uint Group,
        uint Piece, uint Repeat);

    /// <summary>Whether a subdevice has the channel.</summary>
    internal bool IsLent
    {
        get { using (_lock.Enter()) return _isLent; }
    }

    /// <summary>Gives the channel to a subdevice; false while a command runs.</summary>
    internal bool TryLend()
    {
        using (_lock.Enter()) return !_isLent && _running == 0 && (_isLent = true);
    }

    /// <summary>Takes the channel back from its subdevice.</summary>
    internal void TakeBack()
    {
        using (_lock.Enter()) _isLent = false;
    }

    internal void Ring(Register register, ulong value)
    {
        using (_lock.Enter())
        {
            if (register == _registers.Flush)
            {
                _port.DeviceTlb?.Flush();
                Publish(_registers.Flush, 0);
                return;
            }

            if ((value & Start) == 0 || _running != 0)
            {
                Publish(_registers.Command, _running);
                return;
            }

            if (_isLent)
            {
                Publish(_registers.Status, StatusLent);
                Publish(_registers.Command, 0);
                return;
            }

            _running = (uint)value;
            Publish(_registers.Status, StatusIdle);
            Publish(_registers.Reason, 0);
            Publish(_registers.Answer, AnswerNone);
            _engine.TryStart(new Command(
                new Iova(Read(_registers.Iova)), (uint)Read(_registers.Length), (value & ToDevice) != 0,
                (uint)Read(_registers.Vector), TimeSpan.FromMicroseconds((uint)Read(_registers.Pause)),
                (uint)Read(_registers.Pasid), (uint)Read(_registers.Features), (uint)Read(_registers.BufferOffset),
                (uint)Read(_registers.Group), (uint)Read(_registers.Piece), (uint)Read(_registers.Repeat)));
        }
    }

    /// <summary>Stops the channel, even while it waits for an answer. A later answer is ignored.</summary>
    internal void Reset()
    {
        _engine.Abort();
        using (_lock.Enter())
        {
            _running = 0;
            _completedCount = 0;
            _requestCount = 0;
        }
    }

    /// <summary>Stops the channel and ends its thread.</summary>
    internal void Unplug()
    {
        _engine.Dispose();
        _port.Dispose();
    }

    private void Run(Command command, CancellationToken abort)
    {
        uint status;
        FaultReason reason = FaultReason.None;
        if (command.Length == 0 || command.BufferOffset > DmaTestDevice.BufferSize
            || command.Length > DmaTestDevice.BufferSize - command.BufferOffset)
        {
            status = StatusBadLength;
        }
        else if (!TryPasid(command.Pasid, out Pasid? pasid))
        {
            status = StatusBadPasid;
        }
        else
        {
            _port.UsesDeviceTlb = (command.Features & UseAts) != 0;
            _port.RequestsPages = (command.Features & UsePri) != 0;
            for (uint round = 0; round <= command.Repeat && reason == FaultReason.None; round++)
                if (!TryCopy(command, pasid, abort, out reason)) return;
            status = reason == FaultReason.None ? StatusDone : StatusFault;
        }

        using (_lock.Enter())
        {
            if (abort.IsCancellationRequested) return;
            PublishCounters();
            Publish(_registers.Status, status);
            Publish(_registers.Reason, (uint)reason);
            Publish(_registers.Completed, ++_completedCount);
            _running = 0;
            Publish(_registers.Command, 0);
        }

        if (command.Vector <= int.MaxValue) _slot.RaiseMessage((int)command.Vector);
    }

    private bool TryPasid(uint value, out Pasid? pasid)
    {
        pasid = null;
        if ((value & PasidEnable) == 0) return true;
        value &= ~PasidEnable;
        if (value >= 1u << _pasidBits || _pasidBits == 0) return false;
        pasid = new Pasid(value);
        return true;
    }

    /// <summary>Copies up to the first fault; false if the channel was told to stop.</summary>
    private bool TryCopy(Command command, Pasid? pasid, CancellationToken abort, out FaultReason reason)
    {
        reason = FaultReason.None;
        int chunk = command.Pause > TimeSpan.Zero ? PausedChunk : DmaTestDevice.BufferSize;
        if (command.Piece != 0) chunk = (int)Math.Min(command.Piece, DmaTestDevice.BufferSize);
        Span<byte> bytes = stackalloc byte[DmaTestDevice.BufferSize];
        for (int done = 0; done < command.Length && reason == FaultReason.None;)
        {
            if (!abort.Pause(command.Pause)) return false;
            Span<byte> part = bytes[..(int)Math.Min(chunk, command.Length - done)];
            var iova = new Iova(unchecked(command.Iova.Value + (uint)done));
            if (iova.Value < command.Iova.Value)
            {
                reason = FaultReason.BeyondAddressWidth;
                return true;
            }

            DmaResult result = Move(command, pasid, iova, (uint)done, part);
            done += result.BytesDone;
            reason = result.Reason;
            if (!result.IsRecoverable) continue;
            var missing = new Iova(unchecked(iova.Value + (uint)result.BytesDone));
            switch (Ask(command, pasid, missing, abort))
            {
                case PageResponse.Success: reason = FaultReason.None; break;
                case null: return false;
                default: _port.GiveUp(pasid, missing, !command.IsToDevice, result); break;
            }
        }

        return true;
    }

    private DmaResult Move(Command command, Pasid? pasid, Iova iova, uint done, Span<byte> part)
    {
        _accessCount++;
        uint at = command.BufferOffset + done;
        if (command.IsToDevice)
        {
            DmaResult result = pasid is { } from ? _port.Read(from, iova, part) : _port.Read(iova, part);
            _slot.WriteBar(BufferBar, at, part[..result.BytesDone]);
            return result;
        }

        _slot.ReadBar(BufferBar, at, part);
        return pasid is { } to ? _port.Write(to, iova, part) : _port.Write(iova, part);
    }

    /// <summary>
    /// Requests a page and waits for the answer; null if the channel was told to stop. If the function has no request
    /// left, the access must be retried; the retry then shows whether the function may request pages at all.
    /// </summary>
    private PageResponse? Ask(Command command, Pasid? pasid, Iova missing, CancellationToken abort)
    {
        const ulong page = 4096;
        var answer = new TaskCompletionSource<PageResponse>(TaskCreationOptions.RunContinuationsAsynchronously);
        PageRequestAccess access = command.IsToDevice ? PageRequestAccess.Read : PageRequestAccess.Write;
        var request = new PageRequest(pasid, command.Group & DmaTestDevice.GroupMask, access,
            new Iova(missing.Value & ~(page - 1)), IsLast: true);
        using (_lock.Enter())
        {
            if (abort.IsCancellationRequested) return null;
            Publish(_registers.Answer, AnswerAwaited);
            Publish(_registers.Requests, ++_requestCount);
        }

        if (!_port.RequestPage(request, response => answer.TrySetResult(response)))
        {
            using (_lock.Enter()) Publish(_registers.Requests, --_requestCount);
            return abort.Pause(s_retry) ? PageResponse.Success : null;
        }

        answer.Task.Wait(abort);
        using (_lock.Enter())
        {
            if (abort.IsCancellationRequested) return null;
            Publish(_registers.Answer, AnswerFirst + (uint)answer.Task.Result);
        }

        return answer.Task.Result;
    }

    private void PublishCounters()
    {
        Publish(_registers.Accesses, _accessCount);
        if (_port.DeviceTlb is not { } translations) return;
        Publish(_registers.Hits, (ulong)translations.Hits);
        Publish(_registers.Misses, (ulong)translations.Misses);
        Publish(_registers.Invalidations, (ulong)translations.Invalidations);
    }

    private ulong Read(Register register) => _slot.ReadRegister(DmaTestRegisters.Bar, register);

    private void Publish(Register register, ulong value) => _slot.Publish(DmaTestRegisters.Bar, register, value);
}
