using System.Runtime.CompilerServices;
using Ioasis.Memory;
using Ioasis.PageTables.X64;

namespace Ioasis.Units.Vtd.Nested;

/// <summary>
/// How a port is told of a table of the last level, in one word: where it is in our own process, and in the lowest bits
/// what no entry above it grants. It stands for both stages of the walk down to there, as the combined entries of
/// hardware's paging-structure caches do (VT-d specification, 6.2.5).
/// </summary>
internal static class LastTable
{
    /// <summary>The bytes of a table.</summary>
    internal const ulong Bytes = 4096;

    private const ulong Rights = (ulong)X64Rights.All;

    /// <summary>The word for a table; 0, which is none, where <paramref name="place"/> is 0.</summary>
    internal static ulong At(nint place, X64Rights granted) =>
        place == 0 ? 0 : (ulong)place | (Rights & ~(ulong)granted);

    /// <summary>
    /// Its entry for an address, without the rights that are not granted above. For as long as the port keeps it.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Leaf(ulong table, ulong iova) =>
        HostMemory.ReadWord((nint)((table & ~Rights) | X64Format.Offset(iova, 1))) & ~(table & Rights);
}
