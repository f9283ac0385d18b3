using System.Runtime.CompilerServices;
using Ioasis.Core.Dma;
using Ioasis.PageTables;

namespace Ioasis.Core.Domains;

/// <summary>
/// What a table of mappings says of an address, in 64 bits: the same for all addresses of a mapping. 0 is nothing. What
/// lies in our own process is said as a whole, and so are addresses in all memory of a process
/// (<see cref="MappedSpaces"/>); for any other memory the entry names an <see cref="IndirectMapping"/>.
/// </summary>
internal readonly struct MapEntry(ulong value)
{
    /// <summary>
    /// A port may have used the entry, and so may hold it in its IOTLB or be copying through it: whoever takes it out
    /// waits for the ports.
    /// </summary>
    internal const ulong UsedBit = 1 << 2;

    /// <summary>
    /// A port used the entry, and may be copying through it; none has it in its IOTLB because of that. Only of entries
    /// that the DMA API owns.
    /// </summary>
    internal const ulong TouchedBit = 1 << 6;

    /// <summary>
    /// The mapping was unmapped lazily: what devices do by the entry is done, and counted as late. No port keeps it.
    /// </summary>
    internal const ulong RetiredBit = 1 << 7;

    /// <summary>The most spaces that entries can name, from 1.</summary>
    internal const int MostSpaces = 7;

    private const int SpaceShift = 8;
    private const ulong IndirectBit = 1 << 3;
    private const ulong PresentBit = 1 << 4;
    private const ulong OwnedBit = 1 << 5; // see IsOwned
    private const ulong Flags = DmaPort.Granule - 1;

    internal ulong Value => value;

    internal bool IsMapped => value != 0;

    internal MapAccess Access => (MapAccess)value & MapAccess.ReadWrite;

    internal bool IsUsed => (value & UsedBit) != 0;

    /// <summary>
    /// Whether the entry changes by single atomic writes, without the table's lock: a page of the DMA API's
    /// (<see cref="IovaTable.Reserve"/>).
    /// </summary>
    internal bool IsOwned => (value & OwnedBit) != 0;

    /// <summary>Whether a port may be copying through it, or may have it in its IOTLB.</summary>
    internal bool WasUsed => (value & (UsedBit | TouchedBit)) != 0;

    /// <summary>Whether it was unmapped lazily.</summary>
    internal bool IsRetired => (value & RetiredBit) != 0;

    /// <summary>Whether the memory has to be asked for its bytes, because it is not in our own process.</summary>
    internal bool IsIndirect => (value & IndirectBit) != 0;

    /// <summary>The space that it leads to, if it is indirect; 0 if it is the number of a mapping.</summary>
    internal int Space => (int)(value >> SpaceShift) & MostSpaces;

    /// <summary>The number of a mapping, if it is indirect and leads to no space.</summary>
    internal uint Number => (uint)(value / DmaPort.Granule);

    /// <summary>
    /// What to add to an address to get the one in our own process or, if it is indirect, in the space.
    /// </summary>
    internal nint Delta => (nint)(value & ~Flags);

    /// <summary>Whether memory of our own process is mapped for an access.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool IsDirectFor(MapAccess access) =>
        (value & ((ulong)access | IndirectBit | RetiredBit)) == (ulong)access;

    /// <summary>The same for one that was marked as used before.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool IsUsedDirectFor(MapAccess access) =>
        (value & ((ulong)access | UsedBit | IndirectBit | RetiredBit)) == ((ulong)access | UsedBit);

    /// <summary>Whether it is a page of the DMA API's that permits an access.</summary>
    internal bool IsOwnedFor(MapAccess access) =>
        (value & ((ulong)access | OwnedBit | RetiredBit)) == ((ulong)access | OwnedBit);

    /// <summary>Whether two entries lead on alike.</summary>
    internal bool LeadsAs(MapEntry other) => ((value ^ other.Value) & ~(UsedBit | TouchedBit)) == 0;

    /// <summary>
    /// The entry for memory that stands in our own process; false where it cannot be said so, because it is not aligned
    /// as addresses are.
    /// </summary>
    internal static bool TryDirect(ulong first, nint address, MapAccess access, out MapEntry entry)
    {
        ulong delta = unchecked((ulong)address - first);
        entry = new MapEntry(delta | PresentBit | (ulong)access);
        return (delta & Flags) == 0;
    }

    /// <summary>The entry for pages that the DMA API owns.</summary>
    internal static MapEntry Owned(ulong first, nint address, MapAccess access) =>
        new(unchecked((ulong)address - first) | OwnedBit | PresentBit | (ulong)access);

    /// <summary>Whether a mapping can be said as addresses in a space: it is aligned as addresses are.</summary>
    internal static bool CanBeOfSpace(ulong first, ulong address) => (unchecked(address - first) & Flags) == 0;

    /// <summary>The entry for addresses in a space.</summary>
    internal static MapEntry OfSpace(int space, ulong first, ulong address, MapAccess access) =>
        new(unchecked(address - first) | ((ulong)space << SpaceShift) | IndirectBit | PresentBit | (ulong)access);

    /// <summary>The entry for a mapping by number.</summary>
    internal static MapEntry Indirect(uint number, MapAccess access) =>
        new((number * DmaPort.Granule) | IndirectBit | PresentBit | (ulong)access);
}
