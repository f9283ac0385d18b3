namespace Ioasis.Tests.Units.Vtd;

/// <summary>
/// The first stage as the specification tells it, one sentence after the other: slow, and sharing nothing with the
/// walker under test but the memory. Reasons are the numbers of 7.1.3.
/// </summary>
internal sealed class FirstStageOracle(FirstStageCase given, GuestArena memory)
{
    private const byte SPT_3 = 0x5a, SPT_5 = 0x5c, SPT_6 = 0x5d;
    private const byte SFS_1 = 0x70, SFS_2 = 0x71, SFS_3 = 0x72, SFS_4 = 0x73, SFS_5 = 0x74, SFS_6 = 0x75, SFS_7 = 0x76,
        SFS_8 = 0x77, SFS_10 = 0x91;
    private const byte SSS_2 = 0x79, SGN_1 = 0x80, SGN_2 = 0x81, SGN_5 = 0x84, SGN_6 = 0x85;

    private int _updates;

    /// <summary>What is to come out. Of a fault: its reason, the level, and the entry's address.</summary>
    internal readonly record struct Outcome(byte Reason, int Level, ulong Address, bool Write, bool User, bool Dirty);

    /// <summary>An entry, taken apart.</summary>
    private sealed record Entry(
        bool Present, bool ReadWrite, bool UserSupervisor, bool Accessed, bool Dirty, bool PageSize,
        bool ExtendedAccessed,
        ulong Bits20To13, ulong Bits29To13, ulong Bits51ToHaw, ulong Page4K, ulong Page2M, ulong Page1G);

    internal Outcome Translate()
    {
        // 9.6: bits of FSPTPTR beyond the host's address width are reserved.
        if (given.Root >> given.HostAddressBits != 0) return Fault(SPT_3, 0, 0);

        // 9.6: a request that ERE and SRE do not enable.
        if (given.Execute) return Fault(SPT_5, 0, 0);
        if (given.Supervisor && !given.SupervisorRequestEnable) return Fault(SPT_6, 0, 0);

        // 3.6: bits 63:48 are all as bit 47, with 5 levels bits 63:57 as bit 56.
        int top = given.Levels == 5 ? 56 : 47;
        for (int bit = top + 1; bit < 64; bit++)
            if (Bit(given.Iova, bit) != Bit(given.Iova, top)) return Fault(SGN_1, 0, 0);

        var used = new List<Entry>();
        ulong table = given.Root >> 12 << 12;
        for (int level = given.Levels; level >= 1; level--)
        {
            ulong index = level switch
            {
                5 => Bits(given.Iova, 56, 48),
                4 => Bits(given.Iova, 47, 39),
                3 => Bits(given.Iova, 38, 30),
                2 => Bits(given.Iova, 29, 21),
                _ => Bits(given.Iova, 20, 12),
            };
            ulong address = table + (8 * index);
            byte reason = Use(address, level, out Entry? entry);
            if (reason != 0) return Fault(reason, level, address);
            used.Add(entry!);
            if (!IsLeaf(entry!, level))
            {
                table = entry!.Page4K;
                continue;
            }

            ulong page = level switch
            {
                3 => entry!.Page1G + Bits(given.Iova, 29, 0),
                2 => entry!.Page2M + Bits(given.Iova, 20, 0),
                _ => entry!.Page4K + Bits(given.Iova, 11, 0),
            };
            // 3.8: the page's address is an input of stage 2.
            if (page >> given.SecondStageBits != 0) return Fault(SGN_5, level, address);
            return new Outcome(0, level, page, used.TrueForAll(e => e.ReadWrite),
                used.TrueForAll(e => e.UserSupervisor), entry.Dirty);
        }

        throw new InvalidOperationException("Every entry of level 1 is a leaf.");
    }

    /// <summary>Reads an entry, checks it, and sets what is to be set. The reason if it cannot be used.</summary>
    private byte Use(ulong address, int level, out Entry? entry)
    {
        entry = null;
        bool root = level == given.Levels;
        int lost = 0;
        if (address >> given.SecondStageBits != 0) return SFS_5;
        int page = memory.PageAt(address);
        if (page < 0) return SSS_2;
        switch (memory.Stage2[page])
        {
            case GuestPage.NotPresent: return SSS_2;
            case GuestPage.Gone: return root ? SFS_4 : SFS_1;
            case GuestPage.WriteOnly: return root ? SFS_6 : SFS_7;
        }

        while (true)
        {
            int place = GuestArena.Place(page, address);
            entry = Decode(place < 0 ? 0 : memory.Entries[place]);
            if (!entry.Present) return SFS_2;
            if (HasReserved(entry, level)) return SFS_3;

            // 3.6.1: users need U/S everywhere; writes need R/W everywhere, those of supervisors only with WPE.
            if (!given.Supervisor && !entry.UserSupervisor) return SGN_2;
            if (given.Write && !entry.ReadWrite && (!given.Supervisor || given.WriteProtectEnable)) return SGN_6;

            // 3.6.2: A of each entry that is used; EA with EAFE; D of a leaf that is written. Nothing is written if all
            // are set.
            bool accessed = !entry.Accessed;
            bool extended = given.ExtendedAccessedEnable && !entry.ExtendedAccessed;
            bool dirty = given.Write && IsLeaf(entry, level) && !entry.Dirty;
            if (!accessed && !extended && !dirty) return 0;
            if (memory.Stage2[page] == GuestPage.ReadOnly) return SFS_8;
            if (memory.Stage2[page] == GuestPage.GoneWhenWritten) return SFS_10;
            if (memory.IsChangedBefore(_updates++))
            {
                ulong change = memory.Change(_updates - 1), before = memory.Entries[place];
                memory.Entries[place] = change;
                if (change != before)
                {
                    if (++lost == 16) return SFS_10;
                    continue;
                }
            }

            memory.Entries[place] += (accessed ? 0x20UL : 0) + (extended ? 0x400UL : 0) + (dirty ? 0x40UL : 0);
            entry = Decode(memory.Entries[place]);
            return 0;
        }
    }

    private bool IsLeaf(Entry entry, int level) =>
        level == 1 || (level == 2 && entry.PageSize) || (level == 3 && entry.PageSize);

    /// <summary>9.7: the rows of the tables of each level's entries that say "must be 0".</summary>
    private bool HasReserved(Entry entry, int level)
    {
        if (entry.Bits51ToHaw != 0) return true;
        return level switch
        {
            5 or 4 => entry.PageSize,
            3 when entry.PageSize => !given.Pages1G || entry.Bits29To13 != 0,
            2 when entry.PageSize => entry.Bits20To13 != 0,
            _ => false,
        };
    }

    private Entry Decode(ulong value) => new(
        Bit(value, 0), Bit(value, 1), Bit(value, 2), Bit(value, 5), Bit(value, 6), Bit(value, 7), Bit(value, 10),
        Bits(value, 20, 13), Bits(value, 29, 13),
        given.HostAddressBits == 52 ? 0 : Bits(value, 51, given.HostAddressBits),
        Bits(value, 51, 12) << 12, Bits(value, 51, 21) << 21, Bits(value, 51, 30) << 30);

    private static Outcome Fault(byte reason, int level, ulong address) =>
        new(reason, level, address, false, false, false);

    private static bool Bit(ulong value, int bit) => (value >> bit) % 2 == 1;

    private static ulong Bits(ulong value, int high, int low) => (value >> low) % (1UL << (high - low + 1));
}
