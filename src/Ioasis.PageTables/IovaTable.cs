using System.Runtime.CompilerServices;

namespace Ioasis.PageTables;

/// <summary>
/// The table of a paging HWPT: which mapping an I/O virtual address belongs to, by number. A radix tree of 512-way nodes whose
/// entries are filled uniformly, so that a mapping of any size and alignment costs at most two partial runs per level: 1 GiB at an
/// address that is only page-aligned takes three fills of some cache lines, not 262,144 entries.
/// </summary>
/// <remarks>
/// One thread changes the table at a time; any number look up meanwhile without a lock. A look-up that races with a change may
/// return a number that was just taken out, or, where a node was reused, one of another address: the caller compares the mapping's
/// own bounds and keeps numbers from being reused while look-ups that may have seen them are under way.
/// </remarks>
internal sealed class IovaTable
{
    private const int IndexBits = 9;
    private const int EntriesPerNode = 1 << IndexBits;
    private const uint ChildFlag = 1u << 31;
    private const int SpareNodes = 64;

    /// <summary>The largest mapping number; 0 means no mapping.</summary>
    internal const uint MaxMapping = ChildFlag - 1;

    private readonly int _pageShift;
    private readonly Stack<uint> _freeNodes = new();

    // Entries are 0 (nothing), a mapping number, or ChildFlag with a node number.
    private volatile uint[]?[] _nodes = new uint[]?[16];
    private int[] _used = new int[16];
    private uint _nodeCount = 1;

    // The root: log2 of the bytes that one of its entries stands for in the low 8 bits, its node number above. It grows a level
    // when an address does not fit, so that low addresses take short walks.
    private long _root;

    /// <summary>Makes an empty table.</summary>
    /// <param name="pageShift">Log2 of the smallest page in bytes; mappings start and end at its multiples.</param>
    internal IovaTable(int pageShift)
    {
        _pageShift = pageShift;
        _root = pageShift;
        _nodes[0] = new uint[EntriesPerNode];
    }

    /// <summary>Nodes in use, the root included; each has 2 KiB of entries.</summary>
    internal int NodeCount => (int)_nodeCount - _freeNodes.Count;

    /// <summary>The number of the mapping at an address, 0 when there is none. Addresses beyond the table's have none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal uint Find(ulong iova)
    {
        long root = Volatile.Read(ref _root);
        int shift = (int)root & 0xff;
        ulong index = iova >> shift;
        if (index >= EntriesPerNode) return 0;
        uint[]?[] nodes = _nodes;
        uint number = (uint)(root >> 8);
        if (number >= (uint)nodes.Length) return 0;
        uint[]? node = nodes[(int)number];
        while (true)
        {
            if (node is null) return 0;
            uint entry = Volatile.Read(ref node[(int)index]);
            if ((int)entry >= 0) return entry;
            uint child = entry & ~ChildFlag;
            if (child >= (uint)nodes.Length) nodes = _nodes;
            node = Volatile.Read(ref nodes[(int)child]);
            shift -= IndexBits;
            index = (iova >> shift) & (EntriesPerNode - 1);
        }
    }

    /// <summary>Enters a mapping. The range is page-aligned, within the table's addresses, and free.</summary>
    internal void Set(ulong first, ulong last, uint mapping)
    {
        while (last >> (int)(_root & 0xff) >= EntriesPerNode) Grow();
        Volatile.WriteBarrier(); // the mapping's own fields are written before its number can be found
        Fill((uint)(_root >> 8), (int)_root & 0xff, first, last, mapping, over: false);
    }

    /// <summary>
    /// Gives a part of one mapping's range, page-aligned, to another mapping. A look-up meanwhile finds the one or the other, never nothing.
    /// Each part is taken out by itself from then on, so the rest of the range must be given to another mapping too.
    /// </summary>
    internal void Replace(ulong first, ulong last, uint mapping)
    {
        Volatile.WriteBarrier(); // as in Set
        Fill((uint)(_root >> 8), (int)_root & 0xff, first, last, mapping, over: true);
    }

    /// <summary>Takes out exactly one mapping's range.</summary>
    internal void Clear(ulong first, ulong last) => Fill((uint)(_root >> 8), (int)_root & 0xff, first, last, 0, over: false);

    private void Grow()
    {
        uint oldRoot = (uint)(_root >> 8), number = NewNode();
        if (_used[oldRoot] != 0)
        {
            _nodes[number]![0] = oldRoot | ChildFlag;
            _used[number] = 1;
        }
        else
        {
            Free(oldRoot);
        }

        Volatile.Write(ref _root, ((long)number << 8) | (uint)(((int)_root & 0xff) + IndexBits));
    }

    private void Fill(uint number, int shift, ulong first, ulong last, uint mapping, bool over)
    {
        uint[] node = _nodes[number]!;
        const int mask = EntriesPerNode - 1;
        ulong span = (1UL << shift) - 1;
        int from = (int)(first >> shift) & mask, to = (int)(last >> shift) & mask;

        // What does not fill an entry at either end goes a level down; all entries between are filled alike.
        if (shift > _pageShift && (first & span) != 0)
        {
            ulong end = Math.Min(last, first | span);
            FillChild(number, from++, shift, first, end, mapping, over);
            if (end == last) return;
        }

        if (shift > _pageShift && (last & span) != span)
            FillChild(number, to--, shift, Math.Max(first, last & ~span), last, mapping, over);

        if (from > to) return;
        node.AsSpan(from, to - from + 1).Fill(mapping);
        if (!over) _used[number] += mapping == 0 ? from - to - 1 : to - from + 1;
    }

    private void FillChild(uint number, int index, int shift, ulong first, ulong last, uint mapping, bool over)
    {
        uint entry = _nodes[number]![index];
        uint child = entry & ~ChildFlag;
        if (entry == 0)
        {
            child = NewNode();
            Fill(child, shift - IndexBits, first, last, mapping, over);
            _used[number]++;
            Volatile.Write(ref _nodes[number]![index], child | ChildFlag);
            return;
        }

        if (over && (entry & ChildFlag) == 0)
        {
            // All of it is one mapping's: that goes a level down before a part of it changes hands.
            child = NewNode();
            _nodes[child].AsSpan().Fill(entry);
            _used[child] = EntriesPerNode;
            Fill(child, shift - IndexBits, first, last, mapping, over);
            Volatile.Write(ref _nodes[number]![index], child | ChildFlag);
            return;
        }

        Fill(child, shift - IndexBits, first, last, mapping, over);
        if (_used[child] != 0) return;
        Volatile.Write(ref _nodes[number]![index], 0);
        _used[number]--;
        Free(child);
    }

    // A freed node is all zero, and some are kept so: a program that maps and unmaps the same place makes no garbage.
    private void Free(uint number)
    {
        if (_freeNodes.Count >= SpareNodes) Volatile.Write(ref _nodes[number], null);
        _freeNodes.Push(number);
    }

    private uint NewNode()
    {
        if (!_freeNodes.TryPop(out uint number))
        {
            number = _nodeCount++;
            if (number == _nodes.Length)
            {
                Array.Resize(ref _used, _used.Length * 2);
                uint[]?[] nodes = new uint[]?[_nodes.Length * 2];
                _nodes.CopyTo(nodes, 0);
                _nodes = nodes;
            }
        }

        _used[number] = 0;
        if (_nodes[number] is null) Volatile.Write(ref _nodes[number], new uint[EntriesPerNode]);
        return number;
    }
}
