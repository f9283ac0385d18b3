using System.Numerics;

namespace Ioasis.Core.DmaApi;

/// <summary>
/// Gives out runs of units by the buddy method: a block of 2^n units stands at a multiple of 2^n. It gives the highest
/// block that fits. The free blocks of each size are bits, with summaries of 64 to 1 above, so that finding one takes
/// a few steps however many are taken. Its user keeps a lock around it.
/// </summary>
internal sealed class IovaBuddy
{
    private readonly FreeBits?[] _free; // by log2 of the size; made when the first block of a size is free

    /// <summary>Makes one with all units free.</summary>
    /// <param name="orders">Log2 of the number of units.</param>
    internal IovaBuddy(int orders)
    {
        Orders = orders;
        _free = new FreeBits?[orders + 1];
        Bits(orders).Set(0);
        FreeUnits = 1L << orders;
    }

    /// <summary>Log2 of the number of units.</summary>
    internal int Orders { get; }

    /// <summary>How many units are free.</summary>
    internal long FreeUnits { get; private set; }

    /// <summary>Takes the highest block of 2^<paramref name="order"/> units.</summary>
    /// <param name="order">Log2 of the size.</param>
    /// <param name="last">The last unit that it may have.</param>
    /// <param name="start">Its first unit.</param>
    internal bool TryTake(int order, long last, out long start)
    {
        start = -1;
        int from = -1;
        for (int at = order; at <= Orders; at++)
        {
            if (_free[at] is not { IsEmpty: false } free) continue;
            // a block that reaches beyond the last unit serves, too, if its lower part does
            long block = free.HighestAt(last >> at);
            if (block < 0) continue;
            long highest = Math.Min(((block + 1) << at) - 1, last);
            long fits = ((highest + 1) >> order << order) - (1L << order);
            if (fits < block << at)
            {
                block = block == 0 ? -1 : free.HighestAt(block - 1);
                if (block < 0) continue;
                fits = ((block + 1) << at) - (1L << order);
            }

            if (fits > start) (start, from) = (fits, at);
        }

        if (from < 0) return false;
        Bits(from).Clear(start >> from);
        for (int at = from; at > order; at--) Bits(at - 1).Set((start >> (at - 1)) ^ 1);
        FreeUnits -= 1L << order;
        return true;
    }

    /// <summary>Gives units back, which were taken in any blocks.</summary>
    internal void Free(long first, long count)
    {
        FreeUnits += count;
        while (count > 0)
        {
            int aligned = first == 0 ? Orders : BitOperations.TrailingZeroCount(first);
            int order = Math.Min(BitOperations.Log2((ulong)count), aligned);
            FreeBlock(first, order);
            first += 1L << order;
            count -= 1L << order;
        }
    }

    /// <summary>Takes those of some units that are free.</summary>
    internal void Reserve(long first, long last) => Reserve(Orders, 0, first, last);

    private void FreeBlock(long first, int order)
    {
        long block = first >> order;
        while (order < Orders && _free[order] is { } free && free.Has(block ^ 1))
        {
            free.Clear(block ^ 1);
            block >>= 1;
            order++;
        }

        Bits(order).Set(block);
    }

    private void Reserve(int order, long block, long first, long last)
    {
        long from = block << order, to = from + (1L << order) - 1;
        if (to < first || from > last) return;
        bool isFree = _free[order]?.Has(block) == true;
        if (isFree) Bits(order).Clear(block);
        if (isFree && first <= from && to <= last)
        {
            FreeUnits -= 1L << order;
            return;
        }

        if (order == 0) return;
        if (isFree)
        {
            Bits(order - 1).Set(block << 1);
            Bits(order - 1).Set((block << 1) + 1);
        }

        Reserve(order - 1, block << 1, first, last);
        Reserve(order - 1, (block << 1) + 1, first, last);
    }

    private FreeBits Bits(int order) => _free[order] ??= new FreeBits(1L << (Orders - order));

    /// <summary>A set of small numbers whose highest member up to a bound is found in a few steps.</summary>
    private sealed class FreeBits
    {
        private const int WordBits = 6, WordMask = 63;

        private readonly ulong[][] _levels; // the last is one word

        internal FreeBits(long count)
        {
            List<ulong[]> levels = [];
            do
            {
                count = (count + WordMask) >> WordBits;
                levels.Add(new ulong[count]);
            }
            while (count > 1);
            _levels = [.. levels];
        }

        internal bool IsEmpty => _levels[^1][0] == 0;

        internal bool Has(long number) => (_levels[0][number >> WordBits] & (1UL << (int)(number & WordMask))) != 0;

        internal void Set(long number)
        {
            foreach (ulong[] level in _levels)
            {
                ref ulong word = ref level[number >> WordBits];
                bool was = word != 0;
                word |= 1UL << (int)(number & WordMask);
                if (was) return;
                number >>= WordBits;
            }
        }

        internal void Clear(long number)
        {
            foreach (ulong[] level in _levels)
            {
                ref ulong word = ref level[number >> WordBits];
                word &= ~(1UL << (int)(number & WordMask));
                if (word != 0) return;
                number >>= WordBits;
            }
        }

        /// <summary>The highest member that is not above a bound; -1 for none.</summary>
        internal long HighestAt(long bound)
        {
            bound = Math.Min(bound, ((long)_levels[0].Length << WordBits) - 1);
            for (int level = 0; level < _levels.Length && bound >= 0; level++)
            {
                int bit = (int)(bound & WordMask);
                ulong below = _levels[level][bound >> WordBits] & (ulong.MaxValue >> (WordMask - bit));
                if (below != 0)
                {
                    long found = (bound & ~(long)WordMask) | (long)BitOperations.Log2(below);
                    while (level-- > 0) found = (found << WordBits) | (long)BitOperations.Log2(_levels[level][found]);
                    return found;
                }

                bound = (bound >> WordBits) - 1;
            }

            return -1;
        }
    }
}
