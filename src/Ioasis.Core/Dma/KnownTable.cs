using System.Runtime.CompilerServices;
using Ioasis.PageTables;

namespace Ioasis.Core.Dma;

/// <summary>
/// What a port remembers of a table of the last level of a first stage. With it, another page of that table takes one
/// load, and a look-up in the mappings that begins where the last one ended. It is valid as long as the entries of the
/// port's IOTLB, and is dropped with them.
/// </summary>
public struct KnownTable
{
    /// <summary>Log2 of the bytes that such a table translates: 512 pages of 4 KiB.</summary>
    public const int RegionShift = 21;

    /// <summary>How many tables a port remembers, by the low bits of their region.</summary>
    internal const int Count = 128;

    /// <summary>The port's generation and the PASID it holds for. 0 is never valid.</summary>
    internal ulong Key;

    /// <summary>Which addresses it is for, in units of 2^<see cref="RegionShift"/> bytes.</summary>
    internal ulong Region;

    /// <summary>The table, in the unit's own encoding; 0 while it is not known.</summary>
    public ulong Table { get; set; }

    /// <summary>
    /// What the domain keeps of the table's pages; null while that is not known, or where it keeps none.
    /// </summary>
    public KeptPages? Kept { get; set; }

    /// <summary>The node of the mappings in which a page of the table was looked up.</summary>
    internal IovaNode? Node;
}

/// <summary>The tables that a port knows.</summary>
[InlineArray(KnownTable.Count)]
internal struct KnownTables
{
    private KnownTable _first;
}
