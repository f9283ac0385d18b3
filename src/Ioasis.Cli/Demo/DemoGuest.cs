using Ioasis.Client;

namespace Ioasis.Cli.Demo;

/// <summary>A guest's memory from its address 0 on, and x86-64 tables of 4 levels that are written into it by hand.</summary>
/// <param name="memory">The memory.</param>
internal sealed class DemoGuest(UserMemory memory)
{
    internal const ulong Page = 4096, Present = 1, Write = 2, User = 4, LargePage = 1 << 7, All = Present | Write | User;
    private const ulong AddressMask = 0x000f_ffff_ffff_f000;
    private ulong _free;

    /// <summary>A page that nothing uses yet: for a root, which is empty then.</summary>
    internal ulong NewTable()
    {
        ulong table = _free;
        _free += Page;
        return table;
    }

    /// <summary>Writes a leaf of 4 KiB (level 1), 2 MiB (2) or 1 GiB (3), and the tables on the way to it.</summary>
    /// <returns>What was written.</returns>
    internal ulong SetLeaf(ulong root, ulong iova, ulong guestAddress, int level = 1, ulong rights = All)
    {
        ulong table = root;
        for (int above = 4; above > level; above--)
        {
            ulong at = table + Offset(iova, above);
            if ((memory.Read<ulong>(at) & Present) == 0) memory.Write(at, NewTable() | All);
            table = memory.Read<ulong>(at) & AddressMask;
        }

        ulong entry = guestAddress | rights | (level > 1 ? LargePage : 0);
        memory.Write(table + Offset(iova, level), entry);
        return entry;
    }

    private static ulong Offset(ulong iova, int level) => ((iova >> (12 + (9 * (level - 1)))) & 511) * 8;
}
