using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Ioasis.Memory;

/// <summary>
/// Values by ranges of 64-bit addresses, both ends inclusive, that never overlap: a B+ tree, so that finding, adding and removing
/// cost a few cache lines at any size. Not safe for use by several threads at once.
/// </summary>
/// <typeparam name="T">What a range stands for.</typeparam>
public sealed class RangeMap<T>
{
    private const int Capacity = 64;
    private Node _root = new Leaf();

    /// <summary>How many ranges there are.</summary>
    public int Count { get; private set; }

    /// <summary>The lowest range that has a byte at or above <paramref name="first"/> and starts at or below <paramref name="last"/>.</summary>
    public bool TryFindFirst(ulong first, ulong last, out Entry entry)
    {
        Leaf leaf = Descend(first);
        int i = leaf.IndexOfLastAtOrBelow(first);

        // The last range that starts at or below may end the leaf before: this one's own were removed, or start above.
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

    /// <summary>The range that has this address.</summary>
    public bool TryFind(ulong address, [MaybeNullWhen(false)] out T value)
    {
        bool found = TryFindFirst(address, address, out Entry entry);
        value = entry.Value;
        return found;
    }

    /// <summary>Adds a range.</summary>
    /// <exception cref="ArgumentException">It overlaps one that is there.</exception>
    public void Add(ulong first, ulong last, T value)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(last, first);
        if (Overlaps(first, last)) throw new ArgumentException($"0x{first:x}-0x{last:x} overlaps a range that is there.", nameof(first));
        AddFree(first, last, value);
    }

    /// <summary>Adds a range that is known to overlap none.</summary>
    internal void AddFree(ulong first, ulong last, T value)
    {
        if (_root.Count == Capacity)
        {
            var root = new Inner { Count = 1 };
            root.Children[0] = _root;
            root.Keys[0] = 0;
            root.Split(0);
            _root = root;
        }

        Node node = _root;
        while (!node.IsLeaf)
        {
            Inner inner = Unsafe.As<Inner>(node);
            int i = inner.IndexFor(first);
            if (inner.Children[i].Count == Capacity)
            {
                inner.Split(i);
                if (i + 1 < inner.Count && inner.Keys[i + 1] <= first) i++;
            }

            node = inner.Children[i];
        }

        Unsafe.As<Leaf>(node).Insert(first, last, value);
        Count++;
    }

    /// <summary>Removes the range that starts at <paramref name="first"/>; false when none does.</summary>
    public bool Remove(ulong first)
    {
        if (!Remove(_root, first)) return false;
        Count--;
        while (_root is Inner { Count: <= 1 } inner) _root = inner.Count == 0 ? new Leaf() : inner.Children[0];
        return true;
    }

    /// <summary>Every range, in ascending order. The map must not change meanwhile.</summary>
    public IEnumerable<Entry> All()
    {
        for (Leaf? leaf = Descend(0); leaf is not null; leaf = leaf.Next)
            for (int i = 0; i < leaf.Count; i++)
                yield return leaf.At(i);
    }

    private Leaf Descend(ulong address)
    {
        Node node = _root;
        while (!node.IsLeaf)
        {
            Inner inner = Unsafe.As<Inner>(node);
            node = inner.Children[inner.IndexFor(address)];
        }

        return Unsafe.As<Leaf>(node);
    }

    private static bool Remove(Node node, ulong first)
    {
        if (node.IsLeaf)
        {
            Leaf leaf = Unsafe.As<Leaf>(node);
            int at = leaf.IndexOfLastAtOrBelow(first);
            if (at < 0 || leaf.Firsts[at] != first) return false;
            leaf.RemoveAt(at);
            return true;
        }

        Inner inner = Unsafe.As<Inner>(node);
        int i = inner.IndexFor(first);
        Node child = inner.Children[i];
        if (!Remove(child, first)) return false;
        if (child.Count == 0) inner.RemoveAt(i); // no node but the root is ever empty
        return true;
    }

    /// <summary>A range and what it stands for.</summary>
    /// <param name="First">First address.</param>
    /// <param name="Last">Last address, inclusive.</param>
    /// <param name="Value">What the range stands for.</param>
    public readonly record struct Entry(ulong First, ulong Last, T Value);

    /// <summary>The index of the last key that is not above an address, in ascending keys; -1 when all are. Without branches that nobody can foresee.</summary>
    private static int LastAtOrBelow(ReadOnlySpan<ulong> keys, ulong address)
    {
        int at = 0;
        for (int count = keys.Length; count > 0;)
        {
            int half = (count + 1) >> 1;
            at += half & -Convert.ToInt32(keys[at + half - 1] <= address);
            count -= half;
        }

        return at - 1;
    }

    private abstract class Node(bool isLeaf)
    {
        public readonly bool IsLeaf = isLeaf; // asked rather than the type, which costs a call in code that several types share
        public int Count;
    }

    /// <summary>Children by the lowest address that may stand in each; the lowest key is never looked at.</summary>
    private sealed class Inner() : Node(false)
    {
        public readonly ulong[] Keys = new ulong[Capacity];
        public readonly Node[] Children = new Node[Capacity];

        public int IndexFor(ulong address) => 1 + LastAtOrBelow(Keys.AsSpan(1, Count - 1), address);

        public void Split(int i)
        {
            ulong key;
            Node right;
            if (Children[i].IsLeaf)
            {
                Leaf half = Unsafe.As<Leaf>(Children[i]).SplitOff();
                (key, right) = (half.Firsts[0], half);
            }
            else
            {
                Inner half = Unsafe.As<Inner>(Children[i]).SplitOff();
                (key, right) = (half.Keys[0], half);
            }

            Array.Copy(Keys, i + 1, Keys, i + 2, Count - i - 1);
            Array.Copy(Children, i + 1, Children, i + 2, Count - i - 1);
            Keys[i + 1] = key;
            Children[i + 1] = right;
            Count++;
        }

        /// <summary>Takes out an empty child.</summary>
        public void RemoveAt(int i)
        {
            if (Children[i].IsLeaf) Unsafe.As<Leaf>(Children[i]).Unlink();
            Count--;
            Array.Copy(Keys, i + 1, Keys, i, Count - i);
            Array.Copy(Children, i + 1, Children, i, Count - i);
            Children[Count] = null!;
        }

        private Inner SplitOff()
        {
            int keep = Count / 2;
            var half = new Inner { Count = Count - keep };
            Array.Copy(Keys, keep, half.Keys, 0, half.Count);
            Array.Copy(Children, keep, half.Children, 0, half.Count);
            Array.Clear(Children, keep, half.Count);
            Count = keep;
            return half;
        }
    }

    private sealed class Leaf() : Node(true)
    {
        public readonly ulong[] Firsts = new ulong[Capacity];
        public readonly ulong[] Lasts = new ulong[Capacity];
        public readonly T[] Values = new T[Capacity];
        public Leaf? Next;
        public Leaf? Previous;

        public Entry At(int at) => new(Firsts[at], Lasts[at], Values[at]);

        public int IndexOfLastAtOrBelow(ulong address) => LastAtOrBelow(Firsts.AsSpan(0, Count), address);

        public void Insert(ulong first, ulong last, T value)
        {
            int at = IndexOfLastAtOrBelow(first) + 1;
            Move(at, this, at + 1, Count - at);
            (Firsts[at], Lasts[at], Values[at]) = (first, last, value);
            Count++;
        }

        public void RemoveAt(int at)
        {
            Count--;
            Move(at + 1, this, at, Count - at);
            Values[Count] = default!;
        }

        public Leaf SplitOff()
        {
            // Ascending fill is the common order: the old leaf then stays full and the new one starts almost empty.
            int keep = Next is null ? Count - 1 : Count / 2;
            var half = new Leaf { Count = Count - keep, Next = Next, Previous = this };
            Move(keep, half, 0, half.Count);
            Array.Clear(Values, keep, half.Count);
            Count = keep;
            if (Next is not null) Next.Previous = half;
            Next = half;
            return half;
        }

        private void Move(int from, Leaf target, int to, int count)
        {
            Firsts.AsSpan(from, count).CopyTo(target.Firsts.AsSpan(to));
            Lasts.AsSpan(from, count).CopyTo(target.Lasts.AsSpan(to));
            Values.AsSpan(from, count).CopyTo(target.Values.AsSpan(to));
        }

        public void Unlink()
        {
            if (Previous is not null) Previous.Next = Next;
            if (Next is not null) Next.Previous = Previous;
        }
    }
}
