using Ioasis.Memory;
using Ioasis.Memory.Threads;

namespace Ioasis.Core.DmaApi;

/// <summary>
/// What was unmapped in a lazy domain, until one invalidation ends all of it: when there are many, or after some time
/// (Linux: iova_fq). Neither addresses nor memory are given back before.
/// </summary>
#pragma warning disable CA1001 // the timer runs only while something waits; its finalizer ends it with the queue
internal sealed class FlushQueue
#pragma warning restore CA1001
{
    private const int Size = 256; // entries
    private const int Period = 10; // milliseconds

    // Held while a flush is under way, so that a second one returns after it.
    private readonly RankedLock _flushing = new(LockRank.DmaFlush);

    // Guards the entries. Innermost.
    private readonly RankedLock _lock = new(LockRank.FlushQueue);
    private readonly DmaDomain _domain;
    private readonly Timer _timer;
    private readonly IovaRange[] _ranges = new IovaRange[Size]; // of a flush
    private Entry[] _entries = new Entry[Size], _spare = new Entry[Size];
    private int _count;

    internal FlushQueue(DmaDomain domain)
    {
        _domain = domain;
        _timer = new Timer(static queue => ((FlushQueue)queue!).Flush(), this, Timeout.Infinite, Timeout.Infinite);
    }

    internal void Add(IovaRange range, ulong? iova, ulong length, ref DmaHold hold)
    {
        while (true)
        {
            using (_lock.Enter())
            {
                if (_count < Size)
                {
                    if (_count == 0) _timer.Change(Period, Timeout.Infinite);
                    _entries[_count++] = new Entry { Range = range, Iova = iova, Length = length, Hold = hold };
                    return;
                }
            }

            Flush();
        }
    }

    internal void Flush()
    {
        using (_flushing.Enter())
        {
            Entry[] entries;
            int count;
            using (_lock.Enter())
            {
                (entries, count) = (_entries, _count);
                (_entries, _spare, _count) = (_spare, _entries, 0);
            }

            if (count == 0) return;
            for (int i = 0; i < count; i++) _ranges[i] = entries[i].Range;
            _domain.Unmap(_ranges.AsSpan(0, count));
            for (int i = 0; i < count; i++)
            {
                entries[i].Hold.Release();
                if (entries[i].Iova is { } iova) _domain.Iovas!.Free(iova, entries[i].Length);
                entries[i] = default;
            }
        }
    }

    private struct Entry
    {
        internal IovaRange Range;
        internal ulong? Iova;
        internal ulong Length;
        internal DmaHold Hold;
    }
}
