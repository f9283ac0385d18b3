using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Ioasis.PageTables;

/// <summary>
/// The table of a paging HWPT: what an I/O virtual address leads to, as a value that is the same for all of a mapping.
/// A radix tree of 512-way nodes whose entries are filled uniformly, so that a mapping of any size and alignment costs
/// at most two partial runs per level: 1 GiB at an address that is only page-aligned takes three fills of some cache
/// lines, not 262,144 entries.
/// </summary>
/// <remarks>
/// One thread changes the table at a time; any number look up meanwhile without a lock, at one load for each level. A
/// look-up that races with a change may find what was just taken out, but never what belongs to another address.
/// </remarks>
internal sealed class IovaTable
{
    private const int SpareNodes = 16;
    private const int NodeBytes = (IovaNode.Entries * 8) + 64;
    private const int InnerNodeBytes = (2 * IovaNode.Entries * 8) + 152;

    private readonly int _pageShift;

    // Nodes that became empty, in a ring. They stay where they are, so that a program that maps and unmaps the same
    // place makes no garbage.
    private readonly IovaNode?[] _spare = new IovaNode?[SpareNodes];
    private int _nextSpare;

    // It grows a level when an address does not fit, so that low addresses take short walks.
    private volatile IovaNode _root;

    /// <summary>Makes an empty table.</summary>
    /// <param name="pageShift">Log2 of the smallest page in bytes; mappings start and end at its multiples.</param>
    internal IovaTable(int pageShift)
    {
        _pageShift = pageShift;
        _root = new IovaNode(pageShift, null, 0);
        Bytes = NodeBytes;
    }

    /// <summary>How much of our memory it takes. Changed with the table.</summary>
    internal long Bytes { get; private set; }

    /// <summary>How many nodes there are, the root and empty ones included.</summary>
    internal int CountNodes() => Count(_root);

    /// <summary>
    /// The entry that says what is at an address, and log2 of the bytes that it stands for. A null reference for
    /// addresses beyond the table's.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ref ulong Find(ulong iova, out int shift)
    {
        IovaNode node = _root;
        shift = node.Shift;
        ulong index = iova >> shift;
        if (index >= IovaNode.Entries) return ref Unsafe.NullRef<ulong>();
        int lowest = _pageShift;
        while (shift != lowest && Volatile.Read(
            ref Unsafe.As<IovaInnerNode>(node).Child[(int)index & IovaNode.IndexMask]) is { } child)
        {
            node = child;
            shift -= IovaNode.IndexBits;
            index = iova >> shift;
        }

        return ref node.Value[(int)index & IovaNode.IndexMask];
    }

    /// <summary>The same for one of several look-ups of an access, which are mostly near one another.</summary>
    /// <param name="iova">The address.</param>
    /// <param name="near">The node that the last one ended in, null at first; where this one does. To be a local, so
    /// that it is kept in a register.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ref ulong FindNear(ulong iova, ref IovaNode? near)
    {
        IovaNode? node = near;
        int shift = 0, lowest = _pageShift;
        if (node is null || (iova ^ node.First) >> (shift = node.Shift) >= IovaNode.Entries)
        {
            node = _root;
            shift = node.Shift;
            if (iova >> shift >= IovaNode.Entries) return ref Unsafe.NullRef<ulong>();
        }

        while (shift != lowest && Volatile.Read(
            ref Unsafe.As<IovaInnerNode>(node).Child[(int)(iova >> shift) & IovaNode.IndexMask]) is { } child)
        {
            node = child;
            shift -= IovaNode.IndexBits;
        }

        near = node;
        return ref node.Value[(int)(iova >> shift) & IovaNode.IndexMask];
    }

    /// <summary>The node whose entry says what is at an address; null for addresses beyond the table's.</summary>
    internal IovaNode? NodeOf(ulong iova)
    {
        IovaNode? node = null;
        FindNear(iova, ref node);
        return node;
    }

    /// <summary>What is at an address, 0 when nothing is.</summary>
    internal ulong Find(ulong iova)
    {
        ref ulong entry = ref Find(iova, out _);
        return Unsafe.IsNullRef(ref entry) ? 0 : Volatile.Read(ref entry);
    }

    /// <summary>Enters a value, not 0. The range is page-aligned and free.</summary>
    internal void Set(ulong first, ulong last, ulong value)
    {
        while (last >> _root.Shift >= IovaNode.Entries) Grow();
        Volatile.WriteBarrier(); // what the value leads to is written before the value can be found
        Fill(LowestOf(first, last) ?? _root, first, last, value);
    }

    /// <summary>Takes out a page-aligned range of one value; what else that value stands for stays.</summary>
    /// <returns>All bits that were set in any of the entries.</returns>
    internal ulong Clear(ulong first, ulong last)
    {
        IovaNode? node = LowestOf(first, last);
        bool stays = node is not null && (node.IsSpare || node.Used > (int)((last - first) >> _pageShift) + 1);
        return Clear(stays ? node! : _root, first, last);
    }

    /// <summary>
    /// The node of the lowest level that has all of a range and more: the short way of what is small. Null where there
    /// is none yet, or the range is not small.
    /// </summary>
    private IovaNode? LowestOf(ulong first, ulong last)
    {
        ulong span = (1UL << (_pageShift + IovaNode.IndexBits)) - 1;
        if ((first ^ last) > span || last - first == span) return null;
        IovaNode node = _root;
        while (node.Shift != _pageShift)
        {
            if (Unsafe.As<IovaInnerNode>(node).Child[IndexOf(node, first)] is not { } child) return null;
            node = child;
        }

        return node;
    }

    private void Grow()
    {
        IovaNode old = _root;
        var root = new IovaInnerNode(old.Shift + IovaNode.IndexBits, null, 0);
        if (old.Used != 0)
        {
            old.Parent = root;
            root.Lead(0, old);
            root.Used = 1;
        }
        else
        {
            Bytes -= BytesOf(old);
        }

        Bytes += InnerNodeBytes;
        _root = root;
    }

    private void Fill(IovaNode node, ulong first, ulong last, ulong value)
    {
        (int from, int to) = Whole(node, first, last);
        if (node.Shift == _pageShift)
        {
            ((Span<ulong>)node.Value)[from..(to + 1)].Fill(value);
            node.Used += to - from + 1;
            return;
        }

        var inner = (IovaInnerNode)node;
        ulong span = (1UL << node.Shift) - 1;
        int low = IndexOf(node, first), high = IndexOf(node, last);
        if (low < from) Fill(ChildOf(inner, low), first, Math.Min(last, first | span), value);
        if (high > to && (high != low || low >= from))
            Fill(ChildOf(inner, high), Math.Max(first, last & ~span), last, value);
        if (from > to) return;
        ((Span<ulong>)inner.Value)[from..(to + 1)].Fill(value);
        inner.Used += to - from + 1;
        for (int i = inner.NextChild(from); i <= to; i = inner.NextChild(i + 1))
        {
            Bytes -= BytesOf(inner.Child[i]!);
            inner.Lead(i, null); // nothing is mapped below any more
            inner.Used--;
        }
    }

    private ulong Clear(IovaNode node, ulong first, ulong last)
    {
        (int from, int to) = Whole(node, first, last);
        ulong found = 0;
        if (node.Shift == _pageShift)
        {
            node.Used -= to - from + 1;
            return Take(((Span<ulong>)node.Value)[from..(to + 1)]);
        }

        var inner = (IovaInnerNode)node;
        ulong span = (1UL << node.Shift) - 1;
        int low = IndexOf(node, first), high = IndexOf(node, last);
        if (low < from) found |= ClearBelow(ChildOf(inner, low), first, Math.Min(last, first | span));
        if (high > to && (high != low || low >= from))
            found |= ClearBelow(ChildOf(inner, high), Math.Max(first, last & ~span), last);
        if (from > to) return found;
        for (int i = inner.NextChild(from); i <= to; i = inner.NextChild(i + 1))
        {
            IovaNode child = inner.Child[i]!;
            inner.Value[i] = 0; // what it stood for as a whole, once
            inner.Used++; // it stays
            ulong start = (first & ~((span << IovaNode.IndexBits) | span)) | ((ulong)i << node.Shift);
            found |= ClearBelow(child, start, start | span);
        }

        inner.Used -= to - from + 1;
        return found | Take(((Span<ulong>)inner.Value)[from..(to + 1)]);
    }

    /// <summary>Clears values, and tells which bits there were in any of them.</summary>
    private static ulong Take(Span<ulong> values)
    {
        ulong found = 0;
        if (values.Length >= 2 * Vector<ulong>.Count)
        {
            Vector<ulong> several = default;
            Span<Vector<ulong>> vectors = MemoryMarshal.Cast<ulong, Vector<ulong>>(values);
            foreach (ref Vector<ulong> vector in vectors)
            {
                several |= vector;
                vector = default;
            }

            for (int i = 0; i < Vector<ulong>.Count; i++) found |= several[i];
            values = values[(vectors.Length * Vector<ulong>.Count)..];
        }

        foreach (ulong value in values) found |= value;
        values.Clear();
        return found;
    }

    private ulong ClearBelow(IovaNode node, ulong first, ulong last)
    {
        ulong found = Clear(node, first, last);
        if (node.Used != 0 || node.IsSpare) return found;
        IovaNode? oldest = _spare[_nextSpare];
        _spare[_nextSpare] = node;
        node.IsSpare = true;
        _nextSpare = (_nextSpare + 1) % SpareNodes;
        if (oldest is null) return found;
        oldest.IsSpare = false;
        Drop(oldest);
        return found;
    }

    /// <summary>Takes a node out that is empty, and those above that are then.</summary>
    private void Drop(IovaNode node)
    {
        while (node is { Used: 0, IsSpare: false, Parent: { } parent } && parent.Child[node.Index] == node)
        {
            parent.Value[node.Index] = 0; // what it stood for as a whole, once
            parent.Lead(node.Index, null);
            parent.Used--;
            Bytes -= node is IovaInnerNode ? InnerNodeBytes : NodeBytes; // it has none below, as it would not be empty
            node = parent;
        }
    }

    /// <summary>The node below an entry. What the entry stood for as a whole, every entry of a new one does.</summary>
    private IovaNode ChildOf(IovaInnerNode node, int index)
    {
        if (node.Child[index] is { } there) return there;
        int shift = node.Shift - IovaNode.IndexBits;
        IovaNode child = shift == _pageShift ? new IovaNode(shift, node, index) : new IovaInnerNode(shift, node, index);
        Bytes += child is IovaInnerNode ? InnerNodeBytes : NodeBytes;
        ulong whole = node.Value[index]; // it stays, for a look-up that has not seen the child
        if (whole == 0)
        {
            node.Used++;
        }
        else
        {
            ((Span<ulong>)child.Value).Fill(whole);
            child.Used = IovaNode.Entries;
        }

        node.Lead(index, child);
        return child;
    }

    private static long BytesOf(IovaNode node)
    {
        if (node is not IovaInnerNode inner) return NodeBytes;
        long bytes = InnerNodeBytes;
        foreach (IovaNode? child in inner.Child)
            if (child is not null) bytes += BytesOf(child);
        return bytes;
    }

    private static int Count(IovaNode node)
    {
        int count = 1;
        if (node is IovaInnerNode inner)
            foreach (IovaNode? child in inner.Child)
                if (child is not null) count += Count(child);
        return count;
    }

    private static int IndexOf(IovaNode node, ulong address) => (int)(address >> node.Shift) & IovaNode.IndexMask;

    /// <summary>
    /// The entries of a node that a range covers to their ends; the first is above the last when it covers none.
    /// </summary>
    private static (int From, int To) Whole(IovaNode node, ulong first, ulong last)
    {
        ulong span = (1UL << node.Shift) - 1;
        int from = IndexOf(node, first), to = IndexOf(node, last);
        if ((first & span) != 0) from++;
        if ((last & span) != span) to--;
        return (from, to);
    }
}
