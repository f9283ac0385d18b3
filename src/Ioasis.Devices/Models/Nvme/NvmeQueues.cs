using System.Runtime.InteropServices;
using Ioasis.Core.Dma;
using Ioasis.Memory;
using Ioasis.Memory.Threads;

namespace Ioasis.Devices.Nvme;

/// <summary>A submission queue. Only its worker moves the head; the driver moves the tail.</summary>
/// <param name="id">Its ID.</param>
/// <param name="address">Address of its entries.</param>
/// <param name="entries">Number of its entries.</param>
/// <param name="completions">The completion queue of its commands.</param>
internal sealed class NvmeSubmissionQueue(int id, ulong address, uint entries, NvmeCompletionQueue completions)
{
    // The most commands that are read in one access: 1 KiB of them.
    private const uint MostRead = 16;

    private readonly NvmeCommand[] _read = new NvmeCommand[MostRead];
    private uint _next, _end; // in _read: those that are not taken yet
    private uint _tail;
    private nint _hint; // where the entries are in our own process, probably; 0 if it is not known

    internal int Id => id;

    internal uint Entries => entries;

    internal NvmeCompletionQueue Completions => completions;

    /// <summary>Index of the next entry to take.</summary>
    internal uint Head { get; private set; }

    /// <summary>Index after the last entry that the driver wrote.</summary>
    internal uint Tail => Volatile.Read(ref _tail);

    /// <summary>
    /// The driver has written the entries before this one. Asks the processor for the first of them: its line is with
    /// the driver's processor, and on its way while the worker is told.
    /// </summary>
    internal void MoveTail(uint tail)
    {
        if (Volatile.Read(ref _hint) is var hint and not 0)
            HostMemory.Prefetch(hint + (nint)(_tail * (ulong)NvmeCommand.Size));
        Volatile.Write(ref _tail, tail);
    }

    /// <summary>
    /// The command after those that were taken, if it was read already: mostly what <see cref="TryTake"/> gives next.
    /// </summary>
    internal bool TryForesee(out NvmeCommand command)
    {
        command = _next < _end ? _read[_next] : default;
        return _next < _end;
    }

    /// <summary>Takes the next command, of which there is one; false if it cannot be read.</summary>
    internal bool TryTake(DmaPort port, out NvmeCommand command)
    {
        command = default;
        if (_next == _end)
        {
            uint tail = Tail, count = Math.Min(tail > Head ? tail - Head : entries - Head, MostRead);
            // The memory of a later command may be gone, which is no matter of this one.
            if (!TryRead(port, count) && (count == 1 || !TryRead(port, 1))) return false;
        }

        command = _read[_next++];
        Head = Head + 1 == entries ? 0 : Head + 1;
        return true;
    }

    private bool TryRead(DmaPort port, uint count)
    {
        ulong at = unchecked(address + (Head * (ulong)NvmeCommand.Size));
        (_next, _end) = (0, 0);
        if (!port.Read(new Iova(at), MemoryMarshal.AsBytes(_read.AsSpan(0, (int)count))).IsOk) return false;
        _end = count;
        if (Head == 0) Volatile.Write(ref _hint, port.HintOf(new Iova(at)));
        return true;
    }
}

/// <summary>A completion queue, which several submission queues can share.</summary>
/// <param name="id">Its ID.</param>
/// <param name="address">Address of its entries.</param>
/// <param name="entries">Number of its entries.</param>
/// <param name="vector">Its interrupt vector; null for none.</param>
internal sealed class NvmeCompletionQueue(int id, ulong address, uint entries, int? vector)
{
    // Guards the fields below and the order of the entries. Taken after the controller's lock. While it is held, only a
    // port and the slot are used.
    private readonly RankedLock _lock = new(LockRank.NvmeCompletionQueue);
    private uint _head, _tail, _reserved;
    private bool _phase = true;
    private bool _isAwaited; // a place in it was wanted, and there was none

    internal int Id => id;

    internal uint Entries => entries;

    internal int? Vector => vector;

    /// <summary>Whether the driver has unseen entries.</summary>
    internal bool HasUnseen
    {
        get { using (_lock.Enter()) return _head != _tail; }
    }

    /// <summary>Reserves a place for a completion; false if the queue is full.</summary>
    internal bool TryReserve()
    {
        using (_lock.Enter())
        {
            uint used = (_tail + entries - _head) % entries;
            if (used + _reserved >= entries - 1)
            {
                _isAwaited = true;
                return false;
            }

            _reserved++;
            return true;
        }
    }

    /// <summary>Releases a reserved place.</summary>
    internal void Release()
    {
        using (_lock.Enter()) _reserved--;
    }

    /// <summary>Writes an entry, with its phase, to a reserved place; false if it cannot be written.</summary>
    internal bool TryPost(DmaPort port, in NvmeCompletion completion)
    {
        using (_lock.Enter())
        {
            NvmeCompletion entry =
                completion with { StatusAndPhase = (ushort)(completion.StatusAndPhase | (_phase ? 1u : 0)) };
            ulong at = unchecked(address + (_tail * (ulong)NvmeCompletion.Size));
            _reserved--;
            if (!TryWrite(port, at, in entry)) return false;
            _tail = _tail + 1 == entries ? 0 : _tail + 1;
            _phase ^= _tail == 0;
            return true;
        }
    }

    /// <summary>The driver has seen all entries before this one.</summary>
    /// <returns>Whether somebody wanted a place for a completion and got none.</returns>
    internal bool Advance(uint head)
    {
        using (_lock.Enter())
        {
            _head = head;
            bool wasAwaited = _isAwaited;
            _isAwaited = false;
            return wasAwaited;
        }
    }

    /// <summary>Writes the word with the phase last: a driver that sees the phase change also sees the rest.</summary>
    private static bool TryWrite(DmaPort port, ulong at, in NvmeCompletion entry)
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(new ReadOnlySpan<NvmeCompletion>(in entry));
        return port.Write(new Iova(at), bytes[..sizeof(ulong)]).IsOk
            && port.Write(new Iova(unchecked(at + sizeof(ulong))), bytes[sizeof(ulong)..]).IsOk;
    }
}
