using System.Numerics;
using System.Runtime.CompilerServices;

namespace Ioasis.PageTables;

/// <summary>
/// 512 entries of an <see cref="IovaTable"/>. A node stands for the same addresses from its creation until it is
/// collected. So a look-up that is in a node while the node is taken out finds nothing, never another address's value.
/// </summary>
internal class IovaNode(int shift, IovaInnerNode? parent, int index)
{
    internal const int IndexBits = 9;
    internal const int Entries = 1 << IndexBits;
    internal const int IndexMask = Entries - 1;

    /// <summary>Values of the entries; meaningless where an entry has a child.</summary>
    internal Values Value;

    /// <summary>Log2 of the bytes that one entry covers.</summary>
    internal readonly int Shift = shift;

    /// <summary>First address of the node.</summary>
    internal readonly ulong First = parent is null ? 0 : parent.First | ((ulong)index << parent.Shift);

    /// <summary>The node whose entry leads here; null for the root.</summary>
    internal IovaInnerNode? Parent = parent;

    /// <summary>Index of that entry.</summary>
    internal readonly int Index = index;

    /// <summary>Number of entries that are not empty.</summary>
    internal int Used;

    /// <summary>Whether the node is in the table's ring of empty nodes.</summary>
    internal bool IsSpare;

    /// <summary>
    /// What a long run of entries leads to, without being written in each; 0 for no run. Those that a look-up has asked
    /// for (<see cref="IovaTable.Settle"/>) have it as their value, all others of the run have 0.
    /// </summary>
    internal ulong RunValue;

    /// <summary>First and last entry of the run.</summary>
    internal short RunFrom, RunTo;

    /// <summary>Whether some entries of the run have values.</summary>
    internal bool IsRunSettled;

    /// <summary>Whether an entry is one of the run.</summary>
    internal bool IsInRun(int index) => RunValue != 0 && index >= RunFrom && index <= RunTo;

    [InlineArray(Entries)]
    internal struct Values
    {
        private ulong _first;
    }
}

/// <summary>A node above the lowest level. Its entries may lead to other nodes.</summary>
internal sealed class IovaInnerNode(int shift, IovaInnerNode? parent, int index) : IovaNode(shift, parent, index)
{
    /// <summary>Child of each entry; null where the entry's value counts.</summary>
    internal Nodes Child;

    private Bits _hasChild; // which entries have a child, one bit each

    /// <summary>Sets or clears the child of an entry. A concurrent look-up sees all of the change or none.</summary>
    internal void Lead(int index, IovaNode? child)
    {
        ulong bit = 1UL << (index & 63);
        if (child is null) _hasChild[index >> 6] &= ~bit;
        else _hasChild[index >> 6] |= bit;
        Volatile.Write(ref Child[index], child);
    }

    /// <summary>
    /// The first entry at or after <paramref name="from"/> that has a child; <see cref="IovaNode.Entries"/> if none
    /// has.
    /// </summary>
    internal int NextChild(int from)
    {
        for (int word = from >> 6; word < Entries / 64; word++)
        {
            ulong bits = _hasChild[word];
            if (word == from >> 6) bits &= ulong.MaxValue << (from & 63);
            if (bits != 0) return (word << 6) + BitOperations.TrailingZeroCount(bits);
        }

        return Entries;
    }

    [InlineArray(Entries / 64)]
    private struct Bits
    {
        private ulong _first;
    }

    [InlineArray(Entries)]
    internal struct Nodes
    {
        private IovaNode? _first;
    }
}
