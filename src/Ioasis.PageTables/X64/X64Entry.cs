using Ioasis.Memory;

namespace Ioasis.PageTables.X64;

/// <summary>
/// An entry of an x86-64 table of any level (VT-d specification, 9.7; Software Developer's Manual, 4.5).
/// <see cref="X64Format"/> says which bits are reserved and whether the entry maps a page: both depend on the level and
/// on what the walker supports.
/// </summary>
/// <param name="Value">Its 64 bits.</param>
public readonly record struct X64Entry(ulong Value)
{
    /// <summary>P. If it is 0, the other bits are ignored.</summary>
    public const ulong PresentBit = 1UL << 0;

    /// <summary>R/W.</summary>
    public const ulong WriteBit = (ulong)X64Rights.Write;

    /// <summary>U/S.</summary>
    public const ulong UserBit = (ulong)X64Rights.User;

    /// <summary>A: a translation used the entry.</summary>
    public const ulong AccessedBit = 1UL << 5;

    /// <summary>D: the page was written. Ignored where the entry leads to a table.</summary>
    public const ulong DirtyBit = 1UL << 6;

    /// <summary>
    /// PS in levels 2 and 3: the entry maps a page. Reserved above, part of the memory type in level 1.
    /// </summary>
    public const ulong PageSizeBit = 1UL << 7;

    /// <summary>
    /// EA: a device used the entry. (A may also come from a processor.) Ignored unless it is enabled.
    /// </summary>
    public const ulong ExtendedAccessedBit = 1UL << 10;

    /// <summary>XD. Ignored: devices do not execute.</summary>
    public const ulong ExecuteDisableBit = 1UL << 63;

    /// <summary>The address bits of an entry, for the widest host.</summary>
    public const ulong AddressMask = 0x000f_ffff_ffff_f000;

    /// <summary>Whether P is set.</summary>
    public bool IsPresent => (Value & PresentBit) != 0;

    /// <summary>The rights that this entry alone grants.</summary>
    public X64Rights Rights => (X64Rights)Value & X64Rights.All;

    /// <summary>Whether D is set.</summary>
    public bool IsDirty => (Value & DirtyBit) != 0;

    /// <summary>The next table, if the entry is not a leaf.</summary>
    public Gpa Table => new(Value & AddressMask);

    /// <summary>
    /// The address that <paramref name="address"/> translates to, if the entry is a leaf of
    /// 2^<paramref name="pageShift"/> bytes.
    /// </summary>
    public Gpa Translate(ulong address, int pageShift)
    {
        ulong offset = (1UL << pageShift) - 1;
        return new Gpa((Value & AddressMask & ~offset) | (address & offset));
    }
}
