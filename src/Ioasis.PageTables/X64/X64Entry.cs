using Ioasis.Memory;

namespace Ioasis.PageTables.X64;

/// <summary>
/// An entry of an x86-64 table of any level (VT-d specification, 9.7; Software Developer's Manual, 4.5). Which bits are
/// reserved and whether it maps a page depends on its level and on what the walker supports: <see cref="X64Format"/>
/// says that.
/// </summary>
/// <param name="Value">Its 64 bits.</param>
internal readonly record struct X64Entry(ulong Value)
{
    /// <summary>P. All other bits of an entry without it are ignored.</summary>
    internal const ulong PresentBit = 1UL << 0;

    /// <summary>R/W.</summary>
    internal const ulong WriteBit = (ulong)X64Rights.Write;

    /// <summary>U/S.</summary>
    internal const ulong UserBit = (ulong)X64Rights.User;

    /// <summary>A: the entry was used for a translation.</summary>
    internal const ulong AccessedBit = 1UL << 5;

    /// <summary>D: the page was written. Ignored where the entry leads to a table.</summary>
    internal const ulong DirtyBit = 1UL << 6;

    /// <summary>
    /// PS in levels 2 and 3: the entry maps a page. Reserved above, part of the memory type in level 1.
    /// </summary>
    internal const ulong PageSizeBit = 1UL << 7;

    /// <summary>
    /// EA: a device used the entry, while A may also come from a processor. Ignored unless it was switched on.
    /// </summary>
    internal const ulong ExtendedAccessedBit = 1UL << 10;

    /// <summary>XD. Requests of devices never execute: ignored.</summary>
    internal const ulong ExecuteDisableBit = 1UL << 63;

    /// <summary>The bits of an entry that are an address, as far as the host has so many.</summary>
    internal const ulong AddressMask = 0x000f_ffff_ffff_f000;

    internal bool IsPresent => (Value & PresentBit) != 0;

    /// <summary>What this entry alone grants.</summary>
    internal X64Rights Rights => (X64Rights)Value & X64Rights.All;

    internal bool IsDirty => (Value & DirtyBit) != 0;

    /// <summary>The table that it leads to, if it is no leaf.</summary>
    internal Gpa Table => new(Value & AddressMask);

    /// <summary>
    /// Where the byte at <paramref name="address"/> is, if the entry is a leaf of 2^<paramref name="pageShift"/> bytes.
    /// </summary>
    internal Gpa Translate(ulong address, int pageShift)
    {
        ulong offset = (1UL << pageShift) - 1;
        return new Gpa((Value & AddressMask & ~offset) | (address & offset));
    }
}
