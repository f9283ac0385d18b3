using Ioasis.Memory;
using Ioasis.PageTables;

namespace Ioasis.Tests.Units.Vtd;

/// <summary>What stage 2 makes of a page of guest memory.</summary>
internal enum GuestPage
{
    ReadWrite,
    ReadOnly,
    WriteOnly,
    NotPresent,
    Gone,
    GoneWhenWritten,
}

/// <summary>
/// A few pages of guest memory with a few entries in each, and a guest that changes entries at the worst moment: right
/// before the unit updates them. It stands for the machine, and decides nothing of a walk.
/// </summary>
internal sealed class GuestArena
{
    internal const int Pages = 8, Slots = 4;

    /// <summary>Which entries of a page there are; the others are 0 and stay so.</summary>
    internal static readonly ulong[] Indices = [0, 3, 256, 511];

    internal readonly ulong[] Frames = new ulong[Pages];
    internal readonly GuestPage[] Stage2 = new GuestPage[Pages];
    internal readonly ulong[] Entries = new ulong[Pages * Slots];

    /// <summary>The guest overwrites the entry before the unit's updates of these numbers, counted from 0.</summary>
    internal int ChangeFrom, ChangeCount;

    /// <summary>
    /// What it writes there, with the number of the update in the ignored bits, so that it is new each time.
    /// </summary>
    internal ulong ChangeTo;

    internal void CopyTo(GuestArena other)
    {
        Frames.CopyTo(other.Frames, 0);
        Stage2.CopyTo(other.Stage2, 0);
        Entries.CopyTo(other.Entries, 0);
        (other.ChangeFrom, other.ChangeCount, other.ChangeTo) = (ChangeFrom, ChangeCount, ChangeTo);
    }

    internal bool IsChangedBefore(int update) => update >= ChangeFrom && update - ChangeFrom < ChangeCount;

    internal ulong Change(int update) => ChangeTo ^ ((ulong)(update & 0x3f) << 52);

    internal int PageAt(ulong address) => Array.IndexOf(Frames, address & ~0xfffUL);

    /// <summary>The place of an entry in <see cref="Entries"/>, -1 if it is one that is always 0.</summary>
    internal static int Place(int page, ulong address)
    {
        int slot = Array.IndexOf(Indices, (address & 0xfff) / 8);
        return slot < 0 ? -1 : (page * Slots) + slot;
    }
}

/// <summary>The arena as the walker under test sees it.</summary>
internal struct ArenaMemory(GuestArena arena) : ITableMemory
{
    /// <summary>Updates that were tried where stage 2 permits it, and reads.</summary>
    internal int Updates, Reads;

    public TableAccess Read(Gpa address, out ulong entry)
    {
        entry = 0;
        Reads++;
        int page = arena.PageAt(address.Value);
        if (page < 0) return TableAccess.NotPresent;
        switch (arena.Stage2[page])
        {
            case GuestPage.NotPresent: return TableAccess.NotPresent;
            case GuestPage.WriteOnly: return TableAccess.NoRead;
            case GuestPage.Gone: return TableAccess.Gone;
            default:
                int place = GuestArena.Place(page, address.Value);
                entry = place < 0 ? 0 : arena.Entries[place];
                return TableAccess.Ok;
        }
    }

    public bool TryRead(Gpa address, out ulong entry) => Read(address, out entry) == TableAccess.Ok;

    public TableAccess CompareExchange(Gpa address, ulong expected, ulong desired, out ulong found)
    {
        found = 0;
        int page = arena.PageAt(address.Value), place = GuestArena.Place(page, address.Value);
        if (arena.Stage2[page] == GuestPage.ReadOnly) return TableAccess.NoWrite;
        if (arena.Stage2[page] == GuestPage.GoneWhenWritten) return TableAccess.Gone;
        int update = Updates++;
        if (arena.IsChangedBefore(update)) arena.Entries[place] = arena.Change(update);
        found = arena.Entries[place];
        if (found == expected) arena.Entries[place] = desired;
        return TableAccess.Ok;
    }
}
