using System.Runtime.CompilerServices;
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
    private int _isExpected; // whether the timer runs

    internal FlushQueue(DmaDomain domain)
    {
        _domain = domain;
        _timer = new Timer(static queue => ((FlushQueue)queue!).OnTime(), this, Timeout.Infinite, Timeout.Infinite);
    }

    /// <summary>Something waits for a flush from now on, and was added before.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Expect()
    {
        if (Volatile.Read(ref _isExpected) == 0) StartTimer();
    }

    /// <summary>No other flush is under way until the value is disposed.</summary>
    internal RankedLock.Scope Flushing() => _flushing.Enter();

    /// <summary>Room for the addresses of a flush; while <see cref="Flushing"/>.</summary>
    internal Span<IovaRange> Ranges(int count) => _ranges.AsSpan(0, count);

    internal void Add(IovaRange range, ulong? iova, ulong length, ref DmaHold hold)
    {
        while (true)
        {
            using (_lock.Enter())
            {
                if (_count < Size)
                {
                    _entries[_count++] = new Entry { Range = range, Iova = iova, Length = length, Hold = hold };
                    break;
                }
            }

            Flush();
        }

        Expect();
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

            foreach (DmaDevice device in _domain.Devices) device.EndAllRetired(this);
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

    private void StartTimer()
    {
        if (Interlocked.Exchange(ref _isExpected, 1) == 0) _timer.Change(Period, Timeout.Infinite);
    }

    // What is added before the flush stops the threads is flushed; who adds something later finds the timer stopped.
    private void OnTime()
    {
        Volatile.Write(ref _isExpected, 0);
        Flush();
    }

    private struct Entry
    {
        internal IovaRange Range;
        internal ulong? Iova;
        internal ulong Length;
        internal DmaHold Hold;
    }
}
