using System.Numerics;
using Ioasis.Memory.Threads;

namespace Ioasis.Core.DmaApi;

/// <summary>
/// Freed addresses of small sizes, kept by each processor for the next allocations: the last that was freed is given
/// out first. Full magazines go to a depot that all processors share (Linux: iova_rcache).
/// </summary>
internal sealed class IovaCaches
{
    /// <summary>The largest size that is cached, log2 of its units: 32 pages, Linux's opt_mapping_size.</summary>
    internal const int MaxOrder = 5;

    private const int MagazineSize = 127, DepotSize = 32;

    private readonly IovaSpace _space;
    private readonly Processor[] _processors;
    private readonly Depot[] _depots;

    internal IovaCaches(IovaSpace space)
    {
        _space = space;
        _processors = [.. Enumerable.Range(0, Environment.ProcessorCount).Select(_ => new Processor())];
        _depots = [.. Enumerable.Range(0, MaxOrder + 1).Select(_ => new Depot())];
    }

    /// <summary>The size of cached allocations that so many units come to; false if they are too many.</summary>
    internal static bool TryOrder(long count, out int order)
    {
        order = count == 1 ? 0 : BitOperations.Log2((ulong)(count - 1)) + 1;
        return order <= MaxOrder;
    }

    /// <summary>Takes 2^<paramref name="order"/> units, from a cache if one has them.</summary>
    internal bool TryTake(int order, long last, out long start)
    {
        long bound = last - (1L << order) + 1;
        Processor processor = Mine;
        using (processor.Lock.Enter())
        {
            ref Pair pair = ref processor.Pairs[order];
            if (pair.Loaded is { } loaded && loaded.TryPop(bound, out start)) return true;
            if (pair.Former is { Count: > 0 } former && former.TryPop(bound, out start))
            {
                (pair.Loaded, pair.Former) = (former, pair.Loaded);
                return true;
            }

            if ((pair.Loaded?.Count ?? 0) == 0 && _depots[order].TryTake() is { } full)
            {
                if (pair.Loaded is not null) _depots[order].Empty = pair.Loaded;
                pair.Loaded = full;
                if (full.TryPop(bound, out start)) return true;
            }
        }

        return _space.TryTake(1L << order, last, out start)
            || (_space.Reclaim() && _space.TryTake(1L << order, last, out start));
    }

    /// <summary>Gives 2^<paramref name="order"/> units back.</summary>
    internal void Give(int order, long start)
    {
        Processor processor = Mine;
        Magazine? surplus = null;
        using (processor.Lock.Enter())
        {
            ref Pair pair = ref processor.Pairs[order];
            pair.Loaded ??= new Magazine(MagazineSize);
            if (pair.Loaded.Count == MagazineSize)
            {
                (pair.Loaded, pair.Former) = (pair.Former ?? new Magazine(MagazineSize), pair.Loaded);
                if (pair.Loaded.Count == MagazineSize)
                {
                    surplus = _depots[order].Give(pair.Loaded, DepotSize);
                    pair.Loaded = _depots[order].Empty ?? new Magazine(MagazineSize);
                    _depots[order].Empty = null;
                }
            }

            pair.Loaded.Push(start);
        }

        if (surplus is not null) Return(surplus, order);
    }

    /// <summary>Gives everything back to the space; false if there was nothing.</summary>
    internal bool Flush()
    {
        bool any = false;
        for (int order = 0; order <= MaxOrder; order++)
        {
            foreach (Processor processor in _processors)
            {
                Pair pair;
                using (processor.Lock.Enter())
                {
                    pair = processor.Pairs[order];
                    processor.Pairs[order] = default;
                }

                any |= Return(pair.Loaded, order) | Return(pair.Former, order);
            }

            while (_depots[order].TryTake() is { } full) any |= Return(full, order);
        }

        return any;
    }

    private Processor Mine => _processors[(uint)Thread.GetCurrentProcessorId() % (uint)_processors.Length];

    private bool Return(Magazine? magazine, int order)
    {
        if (magazine is null || magazine.Count == 0) return false;
        while (magazine.TryPop(long.MaxValue, out long start)) _space.GiveBack(start, 1L << order);
        return true;
    }

    private sealed class Processor
    {
        // Guards the processor's magazines. A depot's lock is taken within it.
        internal RankedLock Lock { get; } = new(LockRank.IovaCache);

        internal Pair[] Pairs { get; } = new Pair[MaxOrder + 1];
    }

    private struct Pair
    {
        internal Magazine? Loaded;
        internal Magazine? Former;
    }

    private sealed class Magazine(int size)
    {
        private readonly long[] _starts = new long[size];

        internal int Count { get; private set; }

        internal void Push(long start) => _starts[Count++] = start;

        /// <summary>Takes the last that was pushed of those that are not above a bound.</summary>
        internal bool TryPop(long bound, out long start)
        {
            for (int at = Count - 1; at >= 0; at--)
            {
                start = _starts[at];
                if (start > bound) continue;
                _starts[at] = _starts[--Count];
                return true;
            }

            start = -1;
            return false;
        }
    }

    private sealed class Depot
    {
        // Guards the magazines. Innermost.
        private readonly RankedLock _lock = new(LockRank.IovaDepot);
        private readonly Stack<Magazine> _full = new();
        private Magazine? _empty;

        /// <summary>A magazine without addresses, kept so that none need be made.</summary>
        internal Magazine? Empty
        {
            get { using (_lock.Enter()) return _empty; }
            set { using (_lock.Enter()) _empty = value; }
        }

        internal Magazine? TryTake()
        {
            using (_lock.Enter()) return _full.TryPop(out Magazine? magazine) ? magazine : null;
        }

        /// <summary>Gives a full magazine; it comes back when there is no room for it.</summary>
        internal Magazine? Give(Magazine magazine, int most)
        {
            using (_lock.Enter())
            {
                if (_full.Count == most) return magazine;
                _full.Push(magazine);
                return null;
            }
        }
    }
}
