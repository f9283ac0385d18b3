using Ioasis.Client;

namespace Ioasis.Conformance.Dma;

/// <summary>
/// A guest's memory in a memfd, which begins at guest-physical address 0, and a first stage in it that is written entry
/// by entry. Page 0 is the root; tables come after it, and data is where the test likes it to be.
/// </summary>
internal sealed class GuestTables(UserMemory memory, int levels = 4)
{
    internal const ulong Present = 1, Write = 2, User = 4, Accessed = 1 << 5, Dirty = 1 << 6, PageSize = 1 << 7,
        All = Present | Write | User;
    private ulong _nextTable = UapiTest.Page;

    /// <summary>
    /// Enters a leaf of 4 KiB (level 1), 2 MiB (2) or 1 GiB (3), and the tables on the way to it. Where the entry is.
    /// </summary>
    internal ulong Map(ulong iova, ulong gpa, int level = 1, ulong flags = All)
    {
        ulong at = EntryAt(iova, level);
        memory.Write(at, gpa | flags | (level > 1 ? PageSize : 0));
        return at;
    }

    /// <summary>Where the entry of a level for an address is; the tables above it are made if there are none.</summary>
    internal ulong EntryAt(ulong iova, int level)
    {
        ulong table = 0;
        for (int above = levels; above > level; above--)
        {
            ulong at = table + Offset(iova, above);
            if ((this[at] & Present) == 0)
            {
                this[at] = _nextTable | All;
                _nextTable += UapiTest.Page;
            }

            table = this[at] & 0x000f_ffff_ffff_f000;
        }

        return table + Offset(iova, level);
    }

    /// <summary>A word of the guest's memory.</summary>
    internal ulong this[ulong gpa]
    {
        get => memory.Read<ulong>(gpa);
        set => memory.Write(gpa, value);
    }

    private static ulong Offset(ulong iova, int level) => ((iova >> (12 + (9 * (level - 1)))) & 511) * 8;
}
