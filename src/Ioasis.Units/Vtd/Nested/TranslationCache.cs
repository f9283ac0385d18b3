using System.Collections.Concurrent;
using Ioasis.Core.Dma;
using Ioasis.Memory.Threads;
using Ioasis.PageTables.X64;
using Ioasis.Units.Vtd.FirstStage;

namespace Ioasis.Units.Vtd.Nested;

/// <summary>
/// The unit's IOTLB entries of one first stage (VT-d specification, 6.2.4). They live until they are invalidated, or
/// until newer ones need the room. Looked up without a lock.
/// </summary>
/// <remarks>
/// Small pages are cached table by table, each as its leaf less the rights that entries above it do not grant. A table
/// that makes room is emptied. A port may still know it, and finds nothing in it or what is true: ports forget all
/// tables at each invalidation.
/// </remarks>
internal sealed class TranslationCache(int capacity)
{
    // Of 4 KiB each: a guest that uses one page of each must not take all of the host's memory.
    private const int MostTables = 1024;

    // Guards changes. The lock of the large pages is taken under it.
    private readonly RankedLock _lock = new(LockRank.TranslationCache);
    private readonly ConcurrentDictionary<ulong, KeptPages> _tables = new(); // by region
    private readonly List<KeptPages> _inTurn = []; // the same tables
    private readonly PageCache<FirstStageTranslation> _large = new(capacity);
    private int _turn; // the next table to make room
    private int _small;
    private long _drops;

    /// <summary>
    /// Counts drops. Read it before a walk. The result of the walk is added only if the count is still the same.
    /// </summary>
    internal long Drops => Volatile.Read(ref _drops);

    /// <summary>Finds the page around an address, whatever its size.</summary>
    /// <param name="iova">The address.</param>
    /// <param name="page">The page; a small one's address is that of <paramref name="iova"/> in it.</param>
    /// <param name="table">The cached pages of the table of small pages around it; null if there are none.</param>
    internal bool TryFind(ulong iova, out FirstStageTranslation page, out KeptPages? table)
    {
        page = default;
        if (_tables.TryGetValue(iova >> KnownTable.RegionShift, out table) && table.Read(iova) is var leaf and not 0)
        {
            page = new FirstStageTranslation(1, new X64Entry(leaf).Translate(iova, X64Format.PageShift4K), leaf, leaf);
            return true;
        }

        return _large.TryFind(iova, X64Format.PageShift(2), ref page)
            || _large.TryFind(iova, X64Format.PageShift(3), ref page);
    }

    /// <summary>Caches a translation; it replaces an older one of the same page.</summary>
    internal void Keep(ulong iova, in FirstStageTranslation page, long drops)
    {
        using (_lock.Enter())
        {
            if (drops != _drops) return;
            if (page.Level == 1) KeepSmall(iova, in page);
            else _large.Keep(iova, page.PageShift, in page, _large.Drops);
        }
    }

    /// <summary>Drops every page with an address in a range.</summary>
    internal void Drop(ulong first, ulong last)
    {
        using (_lock.Enter())
        {
            ulong from = first >> KnownTable.RegionShift, to = last >> KnownTable.RegionShift;
            if (to - from < (ulong)_inTurn.Count)
            {
                for (ulong region = from; ; region++)
                {
                    if (_tables.TryGetValue(region, out KeptPages? table)) DropOf(table, first, last);
                    if (region == to) break;
                }
            }
            else
            {
                foreach (KeptPages table in _inTurn)
                    if (table.Region >= from && table.Region <= to) DropOf(table, first, last);
            }

            _large.Drop(first, last);
            Volatile.Write(ref _drops, _drops + 1); // after all is gone: a reader of the new count finds none of it
        }
    }

    private void KeepSmall(ulong iova, in FirstStageTranslation page)
    {
        // EA is not looked at where it is off.
        const ulong used = X64Entry.PresentBit | X64Entry.AccessedBit | X64Entry.ExtendedAccessedBit;
        ulong leaf = (page.Gpa.Value & X64Entry.AddressMask) | used | (ulong)page.Rights
            | (page.Dirty ? X64Entry.DirtyBit : 0);
        ulong region = iova >> KnownTable.RegionShift;
        KeptPages table = _tables.TryGetValue(region, out KeptPages? there) ? there : Add(region);
        if (table.Read(iova) == 0)
        {
            if (_small == capacity) MakeRoom();
            _small++;
        }

        table.Keep(iova, leaf);
    }

    private KeptPages Add(ulong region)
    {
        var table = new KeptPages(region);
        if (_inTurn.Count < MostTables)
        {
            _inTurn.Add(table);
        }
        else
        {
            _tables.TryRemove(_inTurn[_turn].Region, out _);
            DropAll(_inTurn[_turn]);
            _inTurn[_turn] = table;
            _turn = (_turn + 1) % _inTurn.Count;
        }

        _tables[region] = table;
        return table;
    }

    private void MakeRoom()
    {
        for (int small = _small; _small == small; _turn = (_turn + 1) % _inTurn.Count) DropAll(_inTurn[_turn]);
    }

    private void DropAll(KeptPages table) => DropOf(table, 0, ulong.MaxValue);

    private void DropOf(KeptPages table, ulong first, ulong last)
    {
        ulong start = table.Region << KnownTable.RegionShift, end = start | ((1UL << KnownTable.RegionShift) - 1);
        _small -= table.Drop(Math.Max(first, start), Math.Min(last, end));
    }
}
