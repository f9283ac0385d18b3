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

    // Guards the windows. Innermost.
    private readonly RankedLock _lock = new(LockRank.IovaSpace);
    private readonly int _shift;
    private readonly ulong _last;
    // Most groups have no driver in the host: what is free is known from the first allocation on.
    private IovaWindows? _windows;
    private IovaCaches? _caches;
    private IIovaHolder[] _holders = [];

    /// <summary>Makes a space in which page 0 and what is outside of the aperture are reserved.</summary>
    /// <param name="granule">The unit of allocation in bytes: the smallest page.</param>
    /// <param name="aperture">The addresses that the page table translates.</param>
    public IovaSpace(ulong granule, IovaRange aperture)
    {
        if (!ulong.IsPow2(granule)) throw new ArgumentOutOfRangeException(nameof(granule), granule, "A power of two.");
        Granule = granule;
        _shift = BitOperations.TrailingZeroCount(granule);
        _last = Math.Min(aperture.Last, IovaWindows.LastOf(_shift));
        _reserved.Add(new IovaRange(0, Math.Max(granule, aperture.First) - 1));
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
            using (_lock.Enter()) return (ulong)Windows.TakenUnits << _shift;
        }
    }

    /// <summary>Keeps addresses from being given out. What is allocated already stays allocated.</summary>
    public void Reserve(IovaRange range)
    {
        using (_lock.Enter())
        {
            _reserved.Add(range);
            if (_windows is { } windows) Reserve(windows, range);
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
            if (!Caches.TryTake(order, last, out long start)) return false;
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
        if (IovaCaches.TryOrder(count, out int order)) Caches.Give(order, first);
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
        return Caches.Flush() || any;
    }

    /// <summary>Takes units without a cache.</summary>
    internal bool TryTake(long count, long last, out long start)
    {
        using (_lock.Enter()) return Windows.TryTake(count, last, out start);
    }

    /// <summary>Gives units back without a cache.</summary>
    internal void GiveBack(long first, long count)
    {
        using (_lock.Enter()) Windows.Give(first, count);
    }

    // The lock guards it.
    private IovaWindows Windows
    {
        get
        {
            if (_windows is { } made) return made;
            var windows = new IovaWindows(_shift, _last);
            windows.Reserve((long)(_last >> _shift) + 1, long.MaxValue);
            foreach (IovaRange range in _reserved) Reserve(windows, range);
            return _windows = windows;
        }
    }

    private IovaCaches Caches
    {
        get
        {
            if (Volatile.Read(ref _caches) is { } made) return made;
            var caches = new IovaCaches(this);
            return Interlocked.CompareExchange(ref _caches, caches, null) ?? caches;
        }
    }

    private void Reserve(IovaWindows windows, IovaRange range) =>
        windows.Reserve((long)(range.First >> _shift), (long)(Math.Min(range.Last, _last) >> _shift));

    private long UnitsOf(ulong length) => (long)(((length - 1) >> _shift) + 1);
}
