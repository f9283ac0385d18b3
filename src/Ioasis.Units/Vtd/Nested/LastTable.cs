using System.Runtime.CompilerServices;
using Ioasis.Memory;
using Ioasis.PageTables.X64;

namespace Ioasis.Units.Vtd.Nested;

/// <summary>
/// The encoding of a table of the last level in a port's <see cref="Ioasis.Core.Dma.KnownTable"/>: its address in our
/// process, with the rights that an entry above it does not grant in the lowest bits. It stands for both stages of the
/// walk to the table, as a combined entry of a paging-structure cache does (VT-d specification, 6.2.5).
/// </summary>
internal static class LastTable
{
    /// <summary>The bytes of a table.</summary>
    internal const ulong Bytes = 4096;

    private const ulong Rights = (ulong)X64Rights.All;

    /// <summary>The word for a table; 0 for none if <paramref name="place"/> is 0.</summary>
    internal static ulong At(nint place, X64Rights granted) =>
        place == 0 ? 0 : (ulong)place | (Rights & ~(ulong)granted);

    /// <summary>
    /// The table's entry for an address, less the rights that are not granted above. Valid while the port keeps the
    /// word.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Leaf(ulong table, ulong iova) =>
        HostMemory.ReadWord((nint)((table & ~Rights) | X64Format.Offset(iova, 1))) & ~(table & Rights);
}
