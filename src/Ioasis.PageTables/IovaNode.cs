using System.Numerics;
using System.Runtime.CompilerServices;

namespace Ioasis.PageTables;

/// <summary>
/// 512 entries of an <see cref="IovaTable"/>. A node stands for the same addresses from when it is made to when the
/// collector takes it, so that a look-up that is in it when it goes away finds nothing there, never something of
/// elsewhere.
/// </summary>
internal class IovaNode(int shift, IovaInnerNode? parent, int index)
{
    internal const int IndexBits = 9;
    internal const int Entries = 1 << IndexBits;
    internal const int IndexMask = Entries - 1;

    /// <summary>What each entry says; nothing where it has a child.</summary>
    internal Values Value;

    /// <summary>Log2 of the bytes that an entry stands for.</summary>
    internal readonly int Shift = shift;

    /// <summary>The first address that it stands for.</summary>
    internal readonly ulong First = parent is null ? 0 : parent.First | ((ulong)index << parent.Shift);

    /// <summary>Which entry of the node above leads here; null of the root.</summary>
    internal IovaInnerNode? Parent = parent;

    /// <summary>The number of that entry.</summary>
    internal readonly int Index = index;

    /// <summary>How many entries are not empty.</summary>
    internal int Used;

    /// <summary>Whether it is in the table's ring of nodes that became empty.</summary>
    internal bool IsSpare;

    [InlineArray(Entries)]
    internal struct Values
    {
        private ulong _first;
    }
}

/// <summary>A node above the lowest level: an entry may lead to another node.</summary>
internal sealed class IovaInnerNode(int shift, IovaInnerNode? parent, int index) : IovaNode(shift, parent, index)
{
    /// <summary>Null where the entry's value counts.</summary>
    internal Nodes Child;

    private Bits _hasChild; // which entries lead to another node, a bit for each

    /// <summary>Lets an entry lead to another node, or no more to one. Look-ups see it all at once.</summary>
    internal void Lead(int index, IovaNode? child)
    {
        ulong bit = 1UL << (index & 63);
        if (child is null) _hasChild[index >> 6] &= ~bit;
        else _hasChild[index >> 6] |= bit;
        Volatile.Write(ref Child[index], child);
    }

    /// <summary>
    /// The first entry from one on that leads to another node; <see cref="IovaNode.Entries"/> when none does.
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
