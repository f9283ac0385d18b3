using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Ioasis.Memory;

namespace Ioasis.PageTables;

/// <summary>
/// The table of a paging HWPT: maps an I/O virtual address to a value that is the same for all of a mapping. It is a
/// radix tree of 512-way nodes. A mapping has one value, so that one of any size and alignment is at most two runs of
/// entries per level. A node says once what a long run leads to: 1 GiB at an address that is only page-aligned takes
/// four such notes, not 262,144 entries. A node has room for one run; a second one is written entry by entry.
/// </summary>
/// <remarks>
/// One thread changes the table at a time. Any number of threads look up meanwhile, without a lock and with one load
/// per level. A look-up that races with a change may find a value that was just taken out, but never another address's
/// value. Of a run it finds 0 at first: <see cref="Settle"/>, which is a change, gives the entry its value. The values
/// of reserved entries (<see cref="Reserve"/>) are their owner's, who changes them at any time.
/// </remarks>
internal sealed partial class IovaTable
{
    private const int SpareNodes = 16;
    private const int NodeBytes = (IovaNode.Entries * 8) + 80;
    private const int InnerNodeBytes = (2 * IovaNode.Entries * 8) + 168;

    private readonly int _pageShift;

    // Empty nodes, in a ring. They stay in the tree, so a program that maps and unmaps the same place makes no garbage.
    private readonly IovaNode?[] _spare = new IovaNode?[SpareNodes];
    private int _nextSpare;

    // The tree grows a level when an address does not fit, so low addresses take short walks.
    private volatile IovaNode _root;

    /// <summary>Makes an empty table.</summary>
    /// <param name="pageShift">Log2 of the smallest page in bytes. Mappings start and end at multiples of it.</param>
    internal IovaTable(int pageShift)
    {
        _pageShift = pageShift;
        _root = new IovaNode(pageShift, null, 0);
        Bytes = NodeBytes;
    }

    /// <summary>Bytes of our memory that the table takes. Changes with the table.</summary>
    internal long Bytes { get; private set; }

    /// <summary>Number of nodes, including the root and empty ones.</summary>
    internal int CountNodes() => Count(_root);

    /// <summary>
    /// The entry for an address, and log2 of the bytes that it covers. A null reference for an address above the table.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ref ulong Find(ulong iova, out int shift)
    {
        IovaNode node = _root;
        shift = node.Shift;
        ulong index = iova >> shift;
        if (index >= IovaNode.Entries) return ref Refs.Null();
        int lowest = _pageShift;
        while (shift != lowest
            && Volatile.Read(ref Refs.As<IovaInnerNode>(node).Child[(int)index & IovaNode.IndexMask]) is { } child)
        {
            node = child;
            shift -= IovaNode.IndexBits;
            index = iova >> shift;
        }

        return ref node.Value[(int)index & IovaNode.IndexMask];
    }

    /// <summary>
    /// As <see cref="Find(ulong, out int)"/>, for one of several look-ups of an access that are mostly near one
    /// another.
    /// </summary>
    /// <param name="iova">The address.</param>
    /// <param name="near">The node of the last look-up, null at first; becomes that of this one. Pass a local, so that
    /// it stays in a register.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ref ulong FindNear(ulong iova, ref IovaNode? near)
    {
        IovaNode? node = near;
        int shift = 0, lowest = _pageShift;
        if (node is null || (iova ^ node.First) >> (shift = node.Shift) >= IovaNode.Entries)
        {
            node = _root;
            shift = node.Shift;
            if (iova >> shift >= IovaNode.Entries) return ref Refs.Null();
        }

        while (shift != lowest
            && Volatile.Read(ref Refs.As<IovaInnerNode>(node).Child[(int)(iova >> shift) & IovaNode.IndexMask])
                is { } child)
        {
            node = child;
            shift -= IovaNode.IndexBits;
        }

        near = node;
        return ref node.Value[(int)(iova >> shift) & IovaNode.IndexMask];
    }

    /// <summary>The node that has the entry for an address; null for an address above the table.</summary>
    internal IovaNode? NodeOf(ulong iova)
    {
        IovaNode? node = null;
        FindNear(iova, ref node);
        return node;
    }

    /// <summary>The value of an entry; 0 if it has none, or is one of a run and was not settled.</summary>
    internal ulong FindSettled(ulong iova)
    {
        ref ulong entry = ref Find(iova, out _);
        return Refs.IsNull(ref entry) ? 0 : Volatile.Read(ref entry);
    }

    /// <summary>The value at an address; 0 if there is none. Not while the table changes.</summary>
    internal ulong Find(ulong iova)
    {
        if (NodeOf(iova) is not { } node) return 0;
        int index = IndexOf(node, iova);
        ulong value = Volatile.Read(ref node.Value[index]);
        return value == 0 && node.IsInRun(index) ? node.RunValue : value;
    }

    /// <summary>Enters a value, not 0. The range is page-aligned and free.</summary>
    internal void Set(ulong first, ulong last, ulong value)
    {
        while (last >> _root.Shift >= IovaNode.Entries) Grow();
        Volatile.WriteBarrier(); // what the value leads to must be visible before the value is
        Fill(LowestOf(first, last) ?? _root, first, last, value);
    }

    /// <summary>Clears a page-aligned range of one value. The rest of that value's range stays.</summary>
    /// <returns>The OR of all cleared entries.</returns>
    internal ulong Clear(ulong first, ulong last)
    {
        IovaNode? node = LowestOf(first, last);
        bool stays = node is not null && (node.IsSpare || node.Used > (int)((last - first) >> _pageShift) + 1);
        return Clear(stays ? node! : _root, first, last);
    }

    /// <summary>
    /// Keeps the entries of a free range for an owner, who reads and writes their values by itself until
    /// <see cref="Release"/>. The node stays in the table meanwhile. The owner leaves the values 0.
    /// </summary>
    /// <param name="first">The first address.</param>
    /// <param name="last">The last address; in the same lowest-level node.</param>
    /// <returns>The lowest-level node.</returns>
    internal IovaNode Reserve(ulong first, ulong last)
    {
        while (last >> _root.Shift >= IovaNode.Entries) Grow();
        IovaNode node = _root;
        while (node.Shift != _pageShift) node = ChildOf((IovaInnerNode)node, IndexOf(node, first));
        node.Used += (int)((last - first) >> _pageShift) + 1;
        return node;
    }

    /// <summary>Ends what <see cref="Reserve"/> began, also for a part of the range.</summary>
    internal void Release(IovaNode node, ulong first, ulong last)
    {
        node.Used -= (int)((last - first) >> _pageShift) + 1;
        KeepIfEmpty(node);
    }

    /// <summary>
    /// The lowest-level node that contains a small range and more: the short path. Null if there is no such node yet,
    /// or the range is not small.
    /// </summary>
    private IovaNode? LowestOf(ulong first, ulong last)
    {
        ulong span = (1UL << (_pageShift + IovaNode.IndexBits)) - 1;
        if ((first ^ last) > span || last - first == span) return null;
        IovaNode node = _root;
        while (node.Shift != _pageShift)
        {
            if (Refs.As<IovaInnerNode>(node).Child[IndexOf(node, first)] is not { } child) return null;
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
            Write(node, from, to, value);
            return;
        }

        var inner = (IovaInnerNode)node;
        ulong span = (1UL << node.Shift) - 1;
        int low = IndexOf(node, first), high = IndexOf(node, last);
        if (low < from) Fill(ChildOf(inner, low), first, Math.Min(last, first | span), value);
        if (high > to && (high != low || low >= from))
            Fill(ChildOf(inner, high), Math.Max(first, last & ~span), last, value);
        if (from > to) return;
        for (int i = inner.NextChild(from); i <= to; i = inner.NextChild(i + 1))
        {
            Bytes -= BytesOf(inner.Child[i]!);
            inner.Value[i] = 0; // the value that stood for the whole entry before it got a child
            inner.Lead(i, null); // nothing is mapped below
            inner.Used--;
        }

        Write(inner, from, to, value);
    }

    private ulong Clear(IovaNode node, ulong first, ulong last)
    {
        (int from, int to) = Whole(node, first, last);
        int low = IndexOf(node, first), high = IndexOf(node, last);
        if (node.RunValue != 0 && low <= node.RunTo && high >= node.RunFrom
            && (node.RunFrom != from || node.RunTo != to)) Spill(node);
        if (node.Shift == _pageShift) return Erase(node, from, to);
        ulong found = 0;
        var inner = (IovaInnerNode)node;
        ulong span = (1UL << node.Shift) - 1;
        if (low < from) found |= ClearBelow(ChildOf(inner, low), first, Math.Min(last, first | span));
        if (high > to && (high != low || low >= from))
            found |= ClearBelow(ChildOf(inner, high), Math.Max(first, last & ~span), last);
        if (from > to) return found;
        for (int i = inner.NextChild(from); i <= to; i = inner.NextChild(i + 1))
        {
            IovaNode child = inner.Child[i]!;
            inner.Value[i] = 0; // the value that stood for the whole entry before it got a child
            inner.Used++; // still used: the child stays in the tree, as a spare
            ulong start = (first & ~((span << IovaNode.IndexBits) | span)) | ((ulong)i << node.Shift);
            found |= ClearBelow(child, start, start | span);
        }

        return found | Erase(inner, from, to);
    }

    /// <summary>Clears values and returns the OR of them.</summary>
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
        KeepIfEmpty(node);
        return found;
    }

    /// <summary>Puts a node that became empty into the ring of empty nodes; the oldest there goes.</summary>
    private void KeepIfEmpty(IovaNode node)
    {
        if (node.Used != 0 || node.IsSpare) return;
        IovaNode? oldest = _spare[_nextSpare];
        _spare[_nextSpare] = node;
        node.IsSpare = true;
        _nextSpare = (_nextSpare + 1) % SpareNodes;
        if (oldest is null) return;
        oldest.IsSpare = false;
        Drop(oldest);
    }

    /// <summary>Takes an empty node out of the tree, and every parent that becomes empty by that.</summary>
    private void Drop(IovaNode node)
    {
        while (node is { Used: 0, IsSpare: false, Parent: { } parent } && parent.Child[node.Index] == node)
        {
            parent.Value[node.Index] = 0; // the value that stood for the whole entry before it got a child
            parent.Lead(node.Index, null);
            parent.Used--;
            Bytes -= node is IovaInnerNode ? InnerNodeBytes : NodeBytes; // an empty node has no children
            node = parent;
        }
    }

    /// <summary>The node below an entry. A new node takes over the entry's value in all its entries.</summary>
    private IovaNode ChildOf(IovaInnerNode node, int index)
    {
        if (node.Child[index] is { } there) return there;
        int shift = node.Shift - IovaNode.IndexBits;
        IovaNode child = shift == _pageShift ? new IovaNode(shift, node, index) : new IovaInnerNode(shift, node, index);
        Bytes += child is IovaInnerNode ? InnerNodeBytes : NodeBytes;
        ulong whole = node.Value[index]; // the value stays, for a look-up that has not seen the child
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

    /// <summary>The entries of a node that a range covers completely; From is above To if there are none.</summary>
    private static (int From, int To) Whole(IovaNode node, ulong first, ulong last)
    {
        ulong span = (1UL << node.Shift) - 1;
        int from = IndexOf(node, first), to = IndexOf(node, last);
        if ((first & span) != 0) from++;
        if ((last & span) != span) to--;
        return (from, to);
    }
}
