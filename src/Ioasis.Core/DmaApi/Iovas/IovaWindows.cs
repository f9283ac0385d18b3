using System.Numerics;

namespace Ioasis.Core.DmaApi;

/// <summary>
/// Which units of an <see cref="IovaSpace"/> are taken: windows of 2^20 units, which are taken as a whole or in parts.
/// The space's lock guards it.
/// </summary>
internal sealed class IovaWindows
{
    private const int WindowOrders = 20, MaxWindowOrders = 20;

    private readonly IovaBuddy _windows; // which windows are taken as a whole, or in parts
    private readonly Dictionary<long, IovaBuddy> _parts = [];
    private readonly SortedSet<long> _open = new(Comparer<long>.Create((a, b) => b.CompareTo(a))); // with free parts
    private readonly long _last32;
    private long _failed32 = long.MaxValue; // as much as this was not found below 4 GiB

    /// <summary>Makes windows of which all is free.</summary>
    /// <param name="shift">Log2 of a unit's bytes.</param>
    /// <param name="last">The last address.</param>
    internal IovaWindows(int shift, ulong last)
    {
        _last32 = (long)(IovaSpace.Last32 >> shift);
        int orders = BitOperations.Log2(Math.Max(last >> shift >> WindowOrders, 1)) + 1;
        _windows = new IovaBuddy(Math.Min(orders, MaxWindowOrders));
    }

    /// <summary>The units that are taken.</summary>
    internal long TakenUnits
    {
        get
        {
            long free = _windows.FreeUnits << WindowOrders;
            foreach (IovaBuddy part in _parts.Values) free += part.FreeUnits;
            return ((1L << _windows.Orders) << WindowOrders) - free;
        }
    }

    /// <summary>The last address that there can be.</summary>
    /// <param name="shift">Log2 of a unit's bytes.</param>
    internal static ulong LastOf(int shift) => shift + WindowOrders + MaxWindowOrders >= 64
        ? ulong.MaxValue : (1UL << (shift + WindowOrders + MaxWindowOrders)) - 1;

    /// <summary>Takes units, aligned to their number, rounded up to a power of two.</summary>
    /// <param name="count">How many.</param>
    /// <param name="last">The last one that serves.</param>
    /// <param name="start">The first one.</param>
    internal bool TryTake(long count, long last, out long start)
    {
        int order = BitOperations.Log2((ulong)count);
        if (!BitOperations.IsPow2(count)) order++;
        start = -1;
        if (last <= _last32 && count >= _failed32) return false;
        if (order > WindowOrders ? TryTakeWindows(order, last, out start) : TryTakePart(order, last, out start))
        {
            long spare = (1L << order) - count; // above what is asked for
            if (spare > 0) Give(start + count, spare);
            return true;
        }

        if (last == _last32) _failed32 = Math.Min(_failed32, count);
        return false;
    }

    /// <summary>Gives back units that were taken.</summary>
    internal void Give(long first, long count)
    {
        if (first <= _last32) _failed32 = long.MaxValue;
        while (count > 0)
        {
            long window = first >> WindowOrders, offset = first & ((1L << WindowOrders) - 1),
                here = Math.Min(count, (1L << WindowOrders) - offset);
            if (!_parts.TryGetValue(window, out IovaBuddy? part))
            {
                long whole = count >> WindowOrders;
                if (offset == 0 && whole > 0)
                {
                    _windows.Free(window, whole);
                    first += whole << WindowOrders;
                    count -= whole << WindowOrders;
                    continue;
                }

                part = new IovaBuddy(WindowOrders); // of several windows that were taken together
                part.Reserve(0, (1L << WindowOrders) - 1);
                _parts.Add(window, part);
            }

            part.Free(offset, here);
            if (part.FreeUnits == 1L << WindowOrders)
            {
                _parts.Remove(window);
                _open.Remove(window);
                _windows.Free(window, 1);
            }
            else
            {
                _open.Add(window);
            }

            first += here;
            count -= here;
        }
    }

    /// <summary>Takes units, also those that are taken already.</summary>
    /// <param name="first">The first.</param>
    /// <param name="last">The last; those beyond the space do not count.</param>
    internal void Reserve(long first, long last)
    {
        long end = (1L << _windows.Orders) << WindowOrders;
        last = Math.Min(last, end - 1);
        if (first > last) return;
        long firstWindow = first >> WindowOrders, lastWindow = last >> WindowOrders;
        foreach (long window in firstWindow == lastWindow ? [firstWindow] : (long[])[firstWindow, lastWindow])
        {
            long from = window << WindowOrders, to = from + (1L << WindowOrders) - 1;
            if (first <= from && to <= last && !_parts.ContainsKey(window))
            {
                _windows.Reserve(window, window);
                continue;
            }

            if (!_parts.TryGetValue(window, out IovaBuddy? part))
            {
                if (!IsWhole(window)) continue;
                _windows.Reserve(window, window);
                _parts.Add(window, part = new IovaBuddy(WindowOrders));
            }

            part.Reserve(Math.Max(first, from) - from, Math.Min(last, to) - from);
            if (part.FreeUnits == 0) _open.Remove(window);
            else _open.Add(window);
        }

        foreach (long window in _parts.Keys.Where(w => w > firstWindow && w < lastWindow))
        {
            _parts[window].Reserve(0, (1L << WindowOrders) - 1);
            _open.Remove(window);
        }

        if (lastWindow - firstWindow > 1) _windows.Reserve(firstWindow + 1, lastWindow - 1);
    }

    private bool TryTakePart(int order, long last, out long start)
    {
        long lastWindow = last >> WindowOrders, whole = HighestWhole(lastWindow);
        foreach (long window in _open)
        {
            if (window > lastWindow) continue;
            if (window < whole) break;
            if (TryTakeIn(window, _parts[window], order, last, out start)) return true;
        }

        for (; whole >= 0; whole = HighestWhole(whole - 1)) // the highest serves unless the limit lies within it
        {
            _windows.Reserve(whole, whole);
            var part = new IovaBuddy(WindowOrders);
            _parts.Add(whole, part);
            _open.Add(whole);
            if (TryTakeIn(whole, part, order, last, out start)) return true;
            _parts.Remove(whole);
            _open.Remove(whole);
            _windows.Free(whole, 1);
        }

        foreach (long window in _open)
            if (window <= lastWindow && TryTakeIn(window, _parts[window], order, last, out start)) return true;
        start = -1;
        return false;
    }

    private long HighestWhole(long last)
    {
        if (last < 0 || !_windows.TryTake(0, last, out long window)) return -1;
        _windows.Free(window, 1);
        return window;
    }

    private bool TryTakeIn(long window, IovaBuddy part, int order, long last, out long start)
    {
        long first = window << WindowOrders;
        if (!part.TryTake(order, Math.Min(last - first, (1L << WindowOrders) - 1), out start)) return false;
        start += first;
        if (part.FreeUnits == 0) _open.Remove(window);
        return true;
    }

    private bool TryTakeWindows(int order, long last, out long start)
    {
        start = -1;
        long lastWindow = ((last + 1) >> WindowOrders) - 1;
        if (order - WindowOrders > _windows.Orders || lastWindow < 0
            || !_windows.TryTake(order - WindowOrders, lastWindow, out long window)) return false;
        start = window << WindowOrders;
        return true;
    }

    private bool IsWhole(long window)
    {
        long before = _windows.FreeUnits;
        _windows.Reserve(window, window);
        if (_windows.FreeUnits == before) return false;
        _windows.Free(window, 1);
        return true;
    }
}
