using System.Numerics;
using Ioasis.Memory;
using Ioasis.Memory.Threads;

namespace Ioasis.Core.DmaApi;

/// <summary>
/// The I/O addresses that the DMA API gives out in one page table (Linux: struct iova_domain). An allocation is aligned
/// to its size, rounded up to a power of two. It comes from below a limit, and from as high as possible. Small ones
/// come from caches of the processors. A search takes the same time however much is taken.
/// </summary>
internal sealed partial class IovaSpace
{
    /// <summary>The last address of 32 bits.</summary>
    internal const ulong Last32 = uint.MaxValue;

    private const int WindowOrders = 20, MaxWindowOrders = 20;

    // Guards the windows. Innermost.
    private readonly RankedLock _lock = new(LockRank.IovaSpace);
    private readonly IovaBuddy _windows; // which windows are taken as a whole, or in parts
    private readonly Dictionary<long, IovaBuddy> _parts = [];
    private readonly SortedSet<long> _open = new(Comparer<long>.Create((a, b) => b.CompareTo(a))); // with free parts
    private readonly IovaCaches _caches;
    private readonly int _shift;
    private readonly ulong _last;
    private IIovaHolder[] _holders = [];
    private long _failed32 = long.MaxValue; // as much as this was not found below 4 GiB

    /// <summary>Makes a space in which page 0 and what is outside of the aperture are reserved.</summary>
    /// <param name="granule">The unit of allocation in bytes: the smallest page.</param>
    /// <param name="aperture">The addresses that the page table translates.</param>
    public IovaSpace(ulong granule, IovaRange aperture)
    {
        if (!ulong.IsPow2(granule)) throw new ArgumentOutOfRangeException(nameof(granule), granule, "A power of two.");
        Granule = granule;
        _shift = BitOperations.TrailingZeroCount(granule);
        ulong most = _shift + WindowOrders + MaxWindowOrders >= 64
            ? ulong.MaxValue : (1UL << (_shift + WindowOrders + MaxWindowOrders)) - 1;
        _last = Math.Min(aperture.Last, most);
        int orders = BitOperations.Log2(Math.Max(_last >> _shift >> WindowOrders, 1)) + 1;
        _windows = new IovaBuddy(Math.Min(orders, MaxWindowOrders));
        _caches = new IovaCaches(this);
        _reserved.Add(new IovaRange(0, Math.Max(granule, aperture.First) - 1));
        ReserveUnits(0, Math.Max(1, (long)(aperture.First >> _shift)) - 1);
        ReserveUnits((long)(_last >> _shift) + 1, ((1L << _windows.Orders) << WindowOrders) - 1);
    }

    /// <summary>The unit of allocation in bytes.</summary>
    public ulong Granule { get; }

    /// <summary>The last address that there is.</summary>
    public ulong Last => _last;

    /// <summary>Bytes that are allocated or reserved, caches of the processors included.</summary>
    public ulong TakenBytes
    {
        get
        {
            using (_lock.Enter())
            {
                long free = _windows.FreeUnits << WindowOrders;
                foreach (IovaBuddy part in _parts.Values) free += part.FreeUnits;
                return (((ulong)(1L << _windows.Orders) << WindowOrders) - (ulong)free) << _shift;
            }
        }
    }

    /// <summary>Keeps addresses from being given out. What is allocated already stays allocated.</summary>
    public void Reserve(IovaRange range)
    {
        using (_lock.Enter())
        {
            _reserved.Add(range);
            ReserveUnits((long)(range.First >> _shift), (long)(Math.Min(range.Last, _last) >> _shift));
        }
    }

    /// <summary>Allocates addresses.</summary>
    /// <param name="length">Bytes, not 0; whole granules are given.</param>
    /// <param name="limit">The last address that they may have.</param>
    /// <param name="iova">The first address.</param>
    /// <returns>False when there is no such room.</returns>
    public bool TryAllocate(ulong length, ulong limit, out ulong iova)
    {
        iova = 0;
        if (length == 0 || length - 1 > _last) return false;
        long count = UnitsOf(length), last = (long)(Math.Min(limit, _last) >> _shift);
        if (((Math.Min(limit, _last) + 1) & (Granule - 1)) != 0) last--; // a part of a unit does not serve
        if (IovaCaches.TryOrder(count, out int order))
        {
            if (!_caches.TryTake(order, last, out long start)) return false;
            iova = (ulong)start << _shift;
            return true;
        }

        if (TryTake(count, last, out long found) || (Reclaim() && TryTake(count, last, out found)))
        {
            iova = (ulong)found << _shift;
            return true;
        }

        return false;
    }

    /// <summary>Gives back all of what one allocation gave.</summary>
    /// <param name="iova">Its first address.</param>
    /// <param name="length">Its bytes.</param>
    public void Free(ulong iova, ulong length)
    {
        long count = UnitsOf(length), first = (long)(iova >> _shift);
        if (IovaCaches.TryOrder(count, out int order)) _caches.Give(order, first);
        else GiveBack(first, count);
        Room.Given();
    }

    /// <summary>From now on a holder gives back what it does not use when addresses run out.</summary>
    internal void Add(IIovaHolder holder)
    {
        using (_lock.Enter()) Volatile.Write(ref _holders, [.. _holders, holder]);
    }

    /// <summary>The holder has given back everything.</summary>
    internal void Remove(IIovaHolder holder)
    {
        using (_lock.Enter()) Volatile.Write(ref _holders, [.. _holders.Where(h => h != holder)]);
    }

    /// <summary>Takes back what caches and holders have and do not use; false if that is nothing.</summary>
    internal bool Reclaim()
    {
        bool any = false;
        foreach (IIovaHolder holder in Volatile.Read(ref _holders)) any |= holder.GiveBackFree();
        return _caches.Flush() || any;
    }

    /// <summary>Takes units without a cache.</summary>
    internal bool TryTake(long count, long last, out long start)
    {
        int order = BitOperations.Log2((ulong)count);
        if (!BitOperations.IsPow2(count)) order++;
        start = -1;
        long last32 = (long)(Last32 >> _shift);
        using (_lock.Enter())
        {
            if (last <= last32 && count >= _failed32) return false;
            if (order > WindowOrders ? TryTakeWindows(order, last, out start) : TryTakePart(order, last, out start))
            {
                long spare = (1L << order) - count; // above what is asked for
                if (spare > 0) GiveUnits(start + count, spare);
                return true;
            }

            if (last == last32) _failed32 = Math.Min(_failed32, count);
            return false;
        }
    }

    /// <summary>Gives units back without a cache.</summary>
    internal void GiveBack(long first, long count)
    {
        using (_lock.Enter()) GiveUnits(first, count);
    }

    private long UnitsOf(ulong length) => (long)(((length - 1) >> _shift) + 1);

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

    private void GiveUnits(long first, long count)
    {
        if (first <= (long)(Last32 >> _shift)) _failed32 = long.MaxValue;
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

    private void ReserveUnits(long first, long last)
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

    private bool IsWhole(long window)
    {
        long before = _windows.FreeUnits;
        _windows.Reserve(window, window);
        if (_windows.FreeUnits == before) return false;
        _windows.Free(window, 1);
        return true;
    }
}
