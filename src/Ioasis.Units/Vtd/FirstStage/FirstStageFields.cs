using Ioasis.Core.Walks;
using Ioasis.PageTables.X64;

namespace Ioasis.Units.Vtd.FirstStage;

/// <summary>The fields of an entry of the first stage by name (VT-d specification, 9.7).</summary>
internal static class FirstStageFields
{
    private const int AddressEnd = 52;

    /// <summary>All 64 bits, from the lowest, without gaps.</summary>
    /// <param name="entry">The entry.</param>
    /// <param name="level">Its level.</param>
    internal static IReadOnlyList<WalkField> Of(X64Entry entry, int level)
    {
        if (!entry.IsPresent)
            return [Bit("P", 0, "not present: all other bits are ignored"), Bits("IGN", 1, 63, "ignored")];
        bool isLeaf = X64Format.IsLeaf(entry, level);
        bool isLarge = isLeaf && level > 1;
        int page = X64Format.PageShift(level);
        List<WalkField> fields =
        [
            Bit("P", 0, "present"), Bit("R/W", 1, Of(1) ? "may be written" : "may be read only"),
            Bit("U/S", 2, Of(2) ? "a user's" : "a supervisor's alone"),
            Bit("PWT", 3, "memory type, ignored: accesses are coherent"),
            Bit("PCD", 4, "memory type, ignored: accesses are coherent"),
            Bit("A", 5, Of(5) ? "was used" : "not used yet"),
            isLeaf ? Bit("D", 6, Of(6) ? "was written" : "not written yet") : Bit("IGN", 6, "ignored"),
            level == 1 ? Bit("PAT", 7, "memory type, ignored: accesses are coherent")
                : level > 3 ? Bit("RSVD", 7, "reserved: must be 0")
                : Bit("PS", 7, isLeaf ? "a page" : "leads to a table"),
            isLeaf ? Bit("G", 8, "global, ignored for devices") : Bit("IGN", 8, "ignored"),
            Bit("IGN", 9, "ignored"), Bit("EA", 10, Of(10) ? "a device used it, if enabled" : "ignored unless enabled"),
            Bit("IGN", 11, "ignored"),
        ];
        int address = 12;
        if (isLarge)
        {
            fields.Add(Bit("PAT", 12, "memory type, ignored: accesses are coherent"));
            fields.Add(Bits("RSVD", 13, page - 13, "reserved: must be 0"));
            address = page;
        }

        ulong mask = X64Entry.AddressMask & ~((1UL << address) - 1);
        fields.Add(new WalkField("ADDR", address, AddressEnd - address, entry.Value & mask,
            isLeaf ? $"a page of 2^{page} bytes" : $"the table of level {level - 1}"));
        fields.Add(Bits("IGN", AddressEnd, 63 - AddressEnd, "ignored"));
        fields.Add(Bit("XD", 63, "no execution, ignored: devices do not execute"));
        return fields;

        bool Of(int bit) => (entry.Value >> bit & 1) != 0;
        WalkField Bit(string name, int bit, string says) => Bits(name, bit, 1, says);
        WalkField Bits(string name, int first, int count, string says) =>
            new(name, first, count, entry.Value >> first & ((1UL << count) - 1), says);
    }
}
