using System.Runtime.CompilerServices;

namespace Ioasis.PageTables.X64;

/// <summary>
/// The format of x86-64 tables as one walker supports it. Level 1 is the table of 4 KiB pages, level 4 or 5 the root.
/// </summary>
public readonly struct X64Format
{
    /// <summary>The most levels that there are.</summary>
    public const int MaxLevels = 5;
    /// <summary>Log2 of the bytes of a page of level 1.</summary>
    public const int PageShift4K = 12;

    private const int IndexBits = 9;

    // The bits between a large page's address and its PAT bit (bit 12).
    private const ulong Reserved2M = 0x001f_e000, Reserved1G = 0x3fff_e000;

    private readonly ulong _reserved; // in every entry
    private readonly ulong _reservedLarge3; // in an entry of level 3 with PS

    /// <summary>Makes the format.</summary>
    /// <param name="hostAddressBits">Width of addresses in entries. Address bits from there up to bit 51 are
    /// reserved.</param>
    /// <param name="pages1G">Whether entries of level 3 can map pages. Entries of level 2 always can.</param>
    public X64Format(int hostAddressBits, bool pages1G)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(hostAddressBits, 32);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(hostAddressBits, 52);
        _reserved = X64Entry.AddressMask & ~((1UL << hostAddressBits) - 1);
        HasPages1G = pages1G;
        _reservedLarge3 = pages1G ? Reserved1G : X64Entry.PageSizeBit;
    }

    /// <summary>Whether entries of level 3 can map pages.</summary>
    public bool HasPages1G { get; }

    /// <summary>The address bits that must be 0 in every entry and in the root's address.</summary>
    public ulong ReservedAddress => _reserved;

    /// <summary>Width of the addresses that a table of this many levels translates: 48 or 57.</summary>
    public static int AddressBits(int levels) => PageShift4K + (levels * IndexBits);

    /// <summary>Whether all bits above the translated ones equal the highest translated bit.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsCanonical(ulong address, int levels)
    {
        int above = 64 - AddressBits(levels);
        return (long)(address << above) >> above == (long)address;
    }

    /// <summary>Log2 of the bytes that an entry of a level covers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int PageShift(int level) => PageShift4K + ((level - 1) * IndexBits);

    /// <summary>Byte offset, in the table of a level, of the entry for an address.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Offset(ulong address, int level) => (address >> (PageShift(level) - 3)) & 0xff8;

    /// <summary>Whether an entry without reserved bits maps a page.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsLeaf(X64Entry entry, int level) => level == 1 || (entry.Value & X64Entry.PageSizeBit) != 0;

    /// <summary>Whether a present entry has a bit that must be 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool HasReservedBits(X64Entry entry, int level)
    {
        ulong reserved = _reserved;
        if (level != 1 && (entry.Value & X64Entry.PageSizeBit) != 0)
            reserved |= level switch { 2 => Reserved2M, 3 => _reservedLarge3, _ => X64Entry.PageSizeBit };
        return (entry.Value & reserved) != 0;
    }
}
