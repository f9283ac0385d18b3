using Ioasis.Core.Iovas;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Mapping;

/// <summary>
/// Counts how many ranges cover each page of a run. A single range, the usual case, costs nothing; more are kept as
/// stretches of equal counts.
/// </summary>
internal struct PageCounts
{
    private RangeMap<int>? _stretches;
    private ulong _first;
    private ulong _last;
    private bool _single;

    /// <summary>Number of covered pages.</summary>
    internal ulong Covered { readonly get; private set; }

    /// <summary>Whether a page is covered.</summary>
    internal readonly bool Covers(ulong page) =>
        _single ? page >= _first && page <= _last : _stretches?.TryFind(page, out _) ?? false;

    /// <summary>The pages of a range that are not covered, in ascending order.</summary>
    internal readonly IEnumerable<IovaRange> Holes(ulong first, ulong last)
    {
        if (Covered == 0) return [new IovaRange(first, last)];
        return IovaSpans.Holes(new IovaRange(first, last), NextCovered);
    }

    /// <summary>Covers a range once more.</summary>
    internal void Add(ulong first, ulong last)
    {
        if (Covered == 0)
        {
            (_first, _last, _single) = (first, last, true);
            Covered = last - first + 1;
            return;
        }

        if (_single)
        {
            (_stretches ??= new RangeMap<int>()).Add(_first, _last, 1);
            _single = false;
        }

        Change(first, last, 1);
    }

    /// <summary>Removes a range that was added.</summary>
    internal void Remove(ulong first, ulong last)
    {
        if (_single)
        {
            _single = false;
            Covered = 0;
            return;
        }

        Change(first, last, -1);
        if (Covered == 0) _stretches = null;
    }

    private readonly IovaRange? NextCovered(ulong first, ulong last)
    {
        if (_single) return _last >= first && _first <= last ? new IovaRange(_first, _last) : null;
        return _stretches!.TryFindFirst(first, last, out RangeMap<int>.Entry entry)
            ? new IovaRange(entry.First, entry.Last)
            : null;
    }

    private void Change(ulong first, ulong last, int by)
    {
        RangeMap<int> stretches = _stretches!;
        if (first != 0) SplitAfter(stretches, first - 1);
        SplitAfter(stretches, last);
        for (ulong at = first; ;)
        {
            bool found = stretches.TryFindFirst(at, last, out RangeMap<int>.Entry next);
            if (!found || next.First > at)
            {
                ulong end = found ? next.First - 1 : last;
                stretches.Add(at, end, by); // nothing covered these yet
                Covered += end - at + 1;
                if (end == last) break;
                at = end + 1;
                continue;
            }

            stretches.Remove(next.First);
            if (next.Value + by != 0) stretches.Add(next.First, next.Last, next.Value + by);
            else Covered -= next.Last - next.First + 1;
            if (next.Last == last) break;
            at = next.Last + 1;
        }

        if (first != 0) JoinAfter(stretches, first - 1);
        JoinAfter(stretches, last);
    }

    private static void SplitAfter(RangeMap<int> stretches, ulong last)
    {
        if (!stretches.TryFindFirst(last, last, out RangeMap<int>.Entry whole) || whole.Last == last) return;
        stretches.Remove(whole.First);
        stretches.Add(whole.First, last, whole.Value);
        stretches.Add(last + 1, whole.Last, whole.Value);
    }

    private static void JoinAfter(RangeMap<int> stretches, ulong last)
    {
        if (last == ulong.MaxValue || !stretches.TryFindFirst(last, last, out RangeMap<int>.Entry below)
            || !stretches.TryFindFirst(last + 1, last + 1, out RangeMap<int>.Entry above)
            || below.Value != above.Value) return;
        stretches.Remove(below.First);
        stretches.Remove(above.First);
        stretches.Add(below.First, above.Last, below.Value);
    }
}
