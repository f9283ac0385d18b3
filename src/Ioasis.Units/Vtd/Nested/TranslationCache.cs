using System.Collections.Concurrent;
using Ioasis.Core.Dma;
using Ioasis.Memory.Threads;
using Ioasis.PageTables.X64;
using Ioasis.Units.Vtd.FirstStage;

namespace Ioasis.Units.Vtd.Nested;

/// <summary>
/// Translations of one first stage, as the unit's IOTLB keeps them (VT-d specification, 6.2.4): until they are
/// invalidated, or until there is no room and others are newer. Looked up without a lock.
/// </summary>
/// <remarks>
/// Small pages are kept table by table, each as its leaf without the rights that entries above it do not grant. A table
/// that is given up is emptied; who still knows it is not told anything wrong, as all forget what they know when
/// something is invalidated.
/// </remarks>
internal sealed class TranslationCache(int capacity)
{
    // of 4 KiB: a guest that uses one page of each does not take all of the host's memory
    private const int MostTables = 1024;

    // Guards changes. That of the large pages is taken while it is held.
    private readonly RankedLock _lock = new(LockRank.TranslationCache);
    private readonly ConcurrentDictionary<ulong, KeptPages> _tables = new(); // by region
    private readonly List<KeptPages> _inTurn = []; // the same tables
    private readonly PageCache<FirstStageTranslation> _large = new(capacity);
    private int _turn; // whose it is to make room
    private int _small;
    private long _drops;

    /// <summary>
    /// How often something was dropped. Read before anything else is; what is found out from then on is kept only if
    /// the number is still the same.
    /// </summary>
    internal long Drops => Volatile.Read(ref _drops);

    /// <summary>Finds the page around an address, whatever its size.</summary>
    /// <param name="iova">The address.</param>
    /// <param name="page">The page; a small one's address is that of <paramref name="iova"/> in it.</param>
    /// <param name="table">What is kept of the table of small pages around it; null when nothing ever was.</param>
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

    /// <summary>Keeps a translation instead of what was known of that page.</summary>
    internal void Keep(ulong iova, in FirstStageTranslation page, long drops)
    {
        using (_lock.Enter())
        {
            if (drops != _drops) return;
            if (page.Level == 1) KeepSmall(iova, in page);
            else _large.Keep(iova, page.PageShift, in page, _large.Drops);
        }
    }

    /// <summary>Forgets every page that a range touches.</summary>
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
            Volatile.Write(ref _drops, _drops + 1); // after all is gone: who reads the new number finds none of it
        }
    }

    private void KeepSmall(ulong iova, in FirstStageTranslation page)
    {
        // where there is no EA the bit says nothing
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
