using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Ioasis.Memory;

/// <summary>
/// A map from ranges of 64-bit addresses to values. Both ends are inclusive; ranges never overlap. It is a B+ tree:
/// finding, adding and removing touch a few cache lines at any size. Not thread-safe.
/// </summary>
/// <typeparam name="T">The value of a range.</typeparam>
internal sealed partial class RangeMap<T>
{
    // Small, so that adding a range moves only a few cache lines.
    private const int LeafCapacity = 16;
    private const int InnerCapacity = 64;
    private Node _root = new Leaf();
    private Leaf? _near; // leaf of the last look-up, mostly that of the next one; a leaf taken out of the tree is empty

    /// <summary>Number of ranges.</summary>
    public int Count { get; private set; }

    /// <summary>
    /// The lowest range that has a byte at or above <paramref name="first"/> and starts at or below
    /// <paramref name="last"/>.
    /// </summary>
    public bool TryFindFirst(ulong first, ulong last, out Entry entry)
    {
        Leaf leaf = Descend(first);
        int i = leaf.IndexOfLastAtOrBelow(first);

        // The last range that starts at or below may be the previous leaf's last, if this leaf's were removed or start
        // above.
        if (i >= 0 ? leaf.Lasts[i] >= first : leaf.Previous?.Lasts[leaf.Previous.Count - 1] >= first)
        {
            entry = i >= 0 ? leaf.At(i) : leaf.Previous!.At(leaf.Previous.Count - 1);
            return true;
        }

        Leaf? at = leaf;
        if (++i == at.Count) (at, i) = (at.Next, 0);
        entry = at is null ? default : at.At(i);
        return at is not null && entry.First <= last;
    }

    /// <summary>Whether any range overlaps the given one.</summary>
    public bool Overlaps(ulong first, ulong last) => TryFindFirst(first, last, out _);

    /// <summary>Finds the range that contains an address.</summary>
    public bool TryFind(ulong address, [MaybeNullWhen(false)] out T value)
    {
        bool found = TryFindFirst(address, address, out Entry entry);
        value = entry.Value;
        return found;
    }

    /// <summary>Adds a range.</summary>
    /// <exception cref="ArgumentException">It overlaps a range in the map.</exception>
    public void Add(ulong first, ulong last, T value)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(last, first);
        if (Overlaps(first, last))
            throw new ArgumentException($"0x{first:x}-0x{last:x} overlaps a range that is there.", nameof(first));
        AddFree(first, last, value);
    }

    // SAFETY: IsLeaf is set by the constructor of the one class or the other, and every caller has asked it.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Inner InnerOf(Node node) => Unsafe.As<Inner>(node);

    // SAFETY: as above.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Leaf LeafOf(Node node) => Unsafe.As<Leaf>(node);

    /// <summary>Adds a range that the caller knows to overlap none.</summary>
    internal void AddFree(ulong first, ulong last, T value)
    {
        if (_root.IsFull)
        {
            var root = new Inner { Count = 1 };
            root.Children[0] = _root;
            root.Split(0);
            _root = root;
        }

        Node node = _root;
        while (!node.IsLeaf)
        {
            Inner inner = InnerOf(node);
            int i = inner.IndexFor(first);
            if (inner.Children[i].IsFull)
            {
                inner.Split(i);
                if (i + 1 < inner.Count && inner.Keys[i + 1] <= first) i++;
            }

            node = inner.Children[i];
        }

        Leaf leaf = LeafOf(node);
        leaf.Insert(leaf.IndexOfLastAtOrBelow(first) + 1, first, last, value);
        Count++;
    }

    /// <summary>Removes the range that starts at <paramref name="first"/>; false when none does.</summary>
    public bool Remove(ulong first)
    {
        Leaf leaf = Descend(first);
        int at = leaf.IndexOfLastAtOrBelow(first);
        if (at < 0 || leaf.Firsts[at] != first) return false;
        Remove(new Run(leaf, at), 1);
        return true;
    }

    /// <summary>Every range, in ascending order. The map must not change meanwhile.</summary>
    public IEnumerable<Entry> All()
    {
        for (Leaf? leaf = Descend(0); leaf is not null; leaf = leaf.Next)
            for (int i = 0; i < leaf.Count; i++)
                yield return leaf.At(i);
    }

    /// <summary>The leaf that has, or would get, a range that starts at an address.</summary>
    private Leaf Descend(ulong address)
    {
        if (_near is { Count: not 0 } near && near.Firsts[0] <= address
            && (near.Next is null || near.Firsts[near.Count - 1] >= address)) return near;
        Node node = _root;
        while (!node.IsLeaf)
        {
            Inner inner = InnerOf(node);
            node = inner.Children[inner.IndexFor(address)];
        }

        return _near = LeafOf(node);
    }

    /// <summary>
    /// Takes the empty leaf at an address out of the tree, and every node that becomes empty by that. No node but the
    /// root is ever empty.
    /// </summary>
    private void Prune(ulong address)
    {
        Prune(_root, address);
        while (_root is Inner { Count: <= 1 } inner) _root = inner.Count == 0 ? new Leaf() : inner.Children[0];
    }

    private static void Prune(Node node, ulong address)
    {
        if (node.IsLeaf) return;
        Inner inner = InnerOf(node);
        int i = inner.IndexFor(address);
        Node child = inner.Children[i];
        Prune(child, address);
        if (child.Count == 0) inner.RemoveAt(i);
    }

    /// <summary>A range and its value.</summary>
    /// <param name="First">First address.</param>
    /// <param name="Last">Last address, inclusive.</param>
    /// <param name="Value">Its value.</param>
    public readonly record struct Entry(ulong First, ulong Last, T Value);

    /// <summary>
    /// How many of a node's first keys are at or below an address. Compares all keys: a vector scan takes fewer steps
    /// than a binary search, and no step waits for another, so cache misses overlap. Unused keys up to a whole vector
    /// are the highest address.
    /// </summary>
    private static int CountAtOrBelow(ReadOnlySpan<ulong> keys, int count, ulong address)
    {
        var limit = new Vector<ulong>(address);
        Vector<ulong> found = default;
        int vectors = (count + Vector<ulong>.Count - 1) / Vector<ulong>.Count;
        foreach (ref readonly Vector<ulong> several in MemoryMarshal.Cast<ulong, Vector<ulong>>(keys)[..vectors])
            found -= Vector.LessThanOrEqual(several, limit); // true is -1
        return Math.Min((int)Vector.Sum(found), count);
    }

    internal abstract class Node(bool isLeaf)
    {
        // a field, because a type test costs a call in generic code that reference types share
        public readonly bool IsLeaf = isLeaf;
        public int Count;

        public bool IsFull => Count == (IsLeaf ? LeafCapacity : InnerCapacity);
    }

    /// <summary>
    /// Children, by the lowest address that each may hold; 0 for the first. Unused keys are the highest address.
    /// </summary>
    private sealed class Inner : Node
    {
        public InnerKeys Keys;
        public InnerChildren Children;

        public Inner() : base(false) => ((Span<ulong>)Keys)[1..].Fill(ulong.MaxValue);

        public int IndexFor(ulong address) => CountAtOrBelow(Keys, Count, address) - 1;

        public void Split(int i)
        {
            ulong key;
            Node right;
            if (Children[i].IsLeaf)
            {
                Leaf half = LeafOf(Children[i]).SplitOff();
                (key, right) = (half.Firsts[0], half);
            }
            else
            {
                Inner half = InnerOf(Children[i]).SplitOff();
                (key, right) = (half.Keys[0], half);
                half.Keys[0] = 0;
            }

            Move(i + 1, this, i + 2, Count - i - 1);
            Keys[i + 1] = key;
            Children[i + 1] = right;
            Count++;
        }

        /// <summary>Takes an empty child out.</summary>
        public void RemoveAt(int i)
        {
            if (Children[i].IsLeaf) LeafOf(Children[i]).Unlink();
            Count--;
            Move(i + 1, this, i, Count - i);
            Keys[Count] = ulong.MaxValue;
            Keys[0] = 0;
            Children[Count] = null!;
        }

        private Inner SplitOff()
        {
            int keep = Count / 2;
            var half = new Inner { Count = Count - keep };
            Move(keep, half, 0, half.Count);
            ((Span<ulong>)Keys).Slice(keep, half.Count).Fill(ulong.MaxValue);
            ((Span<Node>)Children).Slice(keep, half.Count).Clear();
            Count = keep;
            return half;
        }

        private void Move(int from, Inner target, int to, int count)
        {
            ((Span<ulong>)Keys).Slice(from, count).CopyTo(((Span<ulong>)target.Keys)[to..]);
            ((Span<Node>)Children).Slice(from, count).CopyTo(((Span<Node>)target.Children)[to..]);
        }
    }

    /// <summary>Ranges in the order of their addresses. Unused first addresses are the highest address.</summary>
    internal sealed class Leaf : Node
    {
        public LeafKeys Firsts;
        public LeafKeys Lasts;
        public LeafValues Values;
        public Leaf? Next;
        public Leaf? Previous;

        public Leaf() : base(true) => ((Span<ulong>)Firsts).Fill(ulong.MaxValue);

        public Entry At(int at) => new(Firsts[at], Lasts[at], Values[at]);

        public int IndexOfLastAtOrBelow(ulong address) => CountAtOrBelow(Firsts, Count, address) - 1;

        public void Insert(int at, ulong first, ulong last, T value)
        {
            // One loop. Its trip count is unpredictable, and that one misprediction costs as much as the moves; three
            // block moves would mispredict three times.
            Span<ulong> firsts = Firsts, lasts = Lasts;
            Span<T> values = Values;
            for (int i = Count++; i > at; i--)
                (firsts[i], lasts[i], values[i]) = (firsts[i - 1], lasts[i - 1], values[i - 1]);
            (firsts[at], lasts[at], values[at]) = (first, last, value);
        }

        public void RemoveAt(int at, int count)
        {
            Count -= count;
            Span<ulong> firsts = Firsts, lasts = Lasts;
            Span<T> values = Values;
            for (int i = at; i < Count; i++)
                (firsts[i], lasts[i], values[i]) = (firsts[i + count], lasts[i + count], values[i + count]);
            firsts.Slice(Count, count).Fill(ulong.MaxValue);
            if (RuntimeHelpers.IsReferenceOrContainsReferences<T>()) ((Span<T>)Values).Slice(Count, count).Clear();
        }

        public Leaf SplitOff()
        {
            // Ranges are mostly added in ascending order: then the old leaf stays full and the new one starts almost
            // empty.
            int keep = Next is null ? Count - 1 : Count / 2;
            var half = new Leaf { Count = Count - keep, Next = Next, Previous = this };
            ((Span<ulong>)Firsts).Slice(keep, half.Count).CopyTo(half.Firsts);
            ((Span<ulong>)Lasts).Slice(keep, half.Count).CopyTo(half.Lasts);
            ((Span<T>)Values).Slice(keep, half.Count).CopyTo(half.Values);
            ((Span<ulong>)Firsts).Slice(keep, half.Count).Fill(ulong.MaxValue);
            if (RuntimeHelpers.IsReferenceOrContainsReferences<T>()) ((Span<T>)Values).Slice(keep, half.Count).Clear();
            Count = keep;
            if (Next is not null) Next.Previous = half;
            Next = half;
            return half;
        }

        public void Unlink()
        {
            if (Previous is not null) Previous.Next = Next;
            if (Next is not null) Next.Previous = Previous;
        }
    }

    [InlineArray(LeafCapacity)]
    internal struct LeafKeys
    {
        private ulong _first;
    }

    [InlineArray(LeafCapacity)]
    internal struct LeafValues
    {
        private T _first;
    }

    [InlineArray(InnerCapacity)]
    private struct InnerKeys
    {
        private ulong _first;
    }

    [InlineArray(InnerCapacity)]
    private struct InnerChildren
    {
        private Node _first;
    }
}
