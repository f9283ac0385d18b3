using System.Collections.Concurrent;
using System.Numerics;

namespace Ioasis.Core.Domains;

/// <summary>
/// Which pages of a domain devices wrote since the bits were last taken. Sparse: what was never written costs nothing,
/// to keep or to read. Marking takes no lock; a mark is never lost: it is either in what a reader takes or there for
/// the next one.
/// </summary>
internal sealed class DirtyBitmap
{
    // 64 pages a word, 512 words a leaf, 512 leaves a chunk
    private const int WordBits = 6, LeafBits = 9, ChunkBits = 9;
    private const int LeafShift = WordBits + LeafBits, ChunkShift = LeafShift + ChunkBits;
    private readonly ConcurrentDictionary<ulong, ulong[]?[]> _chunks = new();
    private readonly int _pageShift;

    /// <summary>Makes an empty bitmap.</summary>
    /// <param name="pageSize">Bytes that a bit stands for.</param>
    internal DirtyBitmap(ulong pageSize) => _pageShift = BitOperations.TrailingZeroCount(pageSize);

    /// <summary>Takes a run of dirty addresses, both ends inclusive, in ascending order.</summary>
    internal delegate void Run(ulong first, ulong last);

    /// <summary>
    /// Marks the pages of a range. After the bytes are there: a mark that was taken before them would be missed.
    /// </summary>
    internal void Mark(ulong first, ulong last)
    {
        for (ulong page = first >> _pageShift, end = last >> _pageShift; page <= end;)
        {
            ref ulong word = ref Leaf(page)[(page >> WordBits) & ((1 << LeafBits) - 1)];
            ulong until = Math.Min(end, page | 63);
            ulong mask = Mask((int)(page & 63), (int)(until & 63));
            if ((Volatile.Read(ref word) & mask) != mask) Interlocked.Or(ref word, mask);
            page = until + 1;
        }
    }

    /// <summary>Tells the dirty pages of a range, and forgets them if <paramref name="clear"/>.</summary>
    internal void Take(ulong first, ulong last, bool clear, Run? found)
    {
        ulong from = first >> _pageShift, to = last >> _pageShift;
        foreach (ulong chunk in _chunks.Keys.Where(c => c >= from >> ChunkShift && c <= to >> ChunkShift).Order())
        {
            if (!_chunks.TryGetValue(chunk, out ulong[]?[]? leaves)) continue;
            for (int l = 0; l < leaves.Length; l++)
            {
                if (Volatile.Read(ref leaves[l]) is not { } words) continue;
                ulong start = (chunk << ChunkShift) + ((ulong)l << LeafShift);
                if (start > to || start + (1UL << LeafShift) - 1 < from) continue;
                TakeLeaf(words, start, from, to, clear, found);
            }
        }
    }

    private void TakeLeaf(ulong[] words, ulong start, ulong from, ulong to, bool clear, Run? found)
    {
        for (int w = 0; w < words.Length; w++)
        {
            if (Volatile.Read(ref words[w]) == 0) continue;
            ulong page = start + ((ulong)w << WordBits);
            if (page > to || page + 63 < from) continue;
            ulong mask = Mask(page >= from ? 0 : (int)(from - page), to - page >= 63 ? 63 : (int)(to - page));
            ulong dirty = (clear ? Interlocked.And(ref words[w], ~mask) : Volatile.Read(ref words[w])) & mask;
            while (found is not null && dirty != 0)
            {
                int bit = BitOperations.TrailingZeroCount(dirty);
                int length = BitOperations.TrailingZeroCount(~(dirty >> bit)); // 64 where all above are set
                found((page + (uint)bit) << _pageShift, ((page + (uint)(bit + length)) << _pageShift) - 1);
                dirty = bit + length >= 64 ? 0 : dirty & (ulong.MaxValue << (bit + length));
            }
        }
    }

    private ulong[] Leaf(ulong page)
    {
        ulong[]?[] leaves = _chunks.GetOrAdd(page >> ChunkShift, static _ => new ulong[]?[1 << ChunkBits]);
        ref ulong[]? leaf = ref leaves[(page >> LeafShift) & ((1 << ChunkBits) - 1)];
        if (Volatile.Read(ref leaf) is { } there) return there;
        ulong[] made = new ulong[1 << LeafBits];
        return Interlocked.CompareExchange(ref leaf, made, null) ?? made;
    }

    private static ulong Mask(int first, int last) => (ulong.MaxValue << first) & (ulong.MaxValue >> (63 - last));
}
