using System.Runtime.CompilerServices;

namespace Ioasis.PageTables;

/// <summary>
/// 512 entries of an <see cref="IovaTable"/>. A node stands for the same addresses from when it is made to when the collector takes it, so that a
/// look-up that is in it when it goes away finds nothing there, never something of elsewhere.
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
    internal Children Child;

    [InlineArray(Entries)]
    internal struct Children
    {
        private IovaNode? _first;
    }
}
