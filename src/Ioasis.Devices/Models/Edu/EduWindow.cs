using Ioasis.Memory;
using Ioasis.Memory.Threads;

namespace Ioasis.Devices.Edu;

/// <summary>
/// Pages of memory that an mdev has pinned, so that each of its transfers there needs no look-up. It is closed when
/// memory of it is unmapped, and nothing moves through it any more when that call returns.
/// </summary>
internal sealed class EduWindow
{
    internal const int PageSize = 4096, MostPages = 16;

    // Guards what is open, and each move of the device: a thread that has entered it knows that none is under way. Held
    // while pages are pinned, so that the one who unmaps them finds them here; not while they are unpinned.
    private readonly RankedLock _lock = new(LockRank.Model);
    private IPinnedPages? _open;

    /// <summary>Bytes that are open.</summary>
    internal uint Length
    {
        get { using (_lock.Enter()) return (uint)(_open?.Length ?? 0); }
    }

    /// <summary>Opens a window instead of the one before; none if the pages cannot be read and written.</summary>
    internal void Open(IMdevSlot slot, Iova first, uint length)
    {
        Close();
        if (length % PageSize != 0 || length / PageSize is 0 or > MostPages) return;
        using (_lock.Enter()) slot.TryPin(first, (int)(length / PageSize), forWriting: true, out _open);
    }

    /// <summary>Closes it if some of it is in a range; whether it was.</summary>
    internal bool Close(Iova first, ulong length)
    {
        using IPinnedPages? open = Take(first, length);
        return open is not null;
    }

    /// <summary>Closes it.</summary>
    internal void Close() => Close(default, ulong.MaxValue);

    /// <summary>
    /// Moves bytes if the device may: through the window if all of them are in it, else by looking their memory up.
    /// </summary>
    internal bool TryMove(IMdevSlot slot, EduConfig config, Iova memory, Span<byte> buffer, bool toMemory)
    {
        using (_lock.Enter())
        {
            if (!config.IsBusMaster) return false;
            if (_open is { } open && memory.Value >= open.First.Value)
            {
                ulong at = memory.Value - open.First.Value;
                if (at <= open.Length && (ulong)buffer.Length <= open.Length - at)
                    return toMemory ? open.TryWrite(at, buffer) : open.TryRead(at, buffer);
            }

            return toMemory ? slot.TryWrite(memory, buffer) : slot.TryRead(memory, buffer);
        }
    }

    /// <summary>Waits until a move that is under way is over.</summary>
    internal void Settle()
    {
        using (_lock.Enter())
        {
        }
    }

    private IPinnedPages? Take(Iova first, ulong length)
    {
        using (_lock.Enter())
        {
            if (_open is null) return null;
            ulong last = first.Value + Math.Min(length - 1, ulong.MaxValue - first.Value);
            bool isWithin = first.Value <= _open.First.Value + (_open.Length - 1) && last >= _open.First.Value;
            if (!isWithin) return null;
            IPinnedPages open = _open;
            _open = null;
            return open;
        }
    }
}
