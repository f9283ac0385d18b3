using Ioasis.Memory;
using Ioasis.PageTables.X64;

namespace Ioasis.Units.Vtd.FirstStage;

/// <summary>A first stage: the address of its root, and how the unit walks its tables.</summary>
internal readonly struct FirstStageTable
{
    /// <summary>Describes a first stage.</summary>
    /// <param name="root">The address of its root. The low 12 bits are ignored, as FSPTPTR has none.</param>
    /// <param name="levels">4 or 5.</param>
    /// <param name="flags">How it is walked.</param>
    /// <param name="format">The unit's host address width, and whether it has 1 GiB pages (FS1GP).</param>
    /// <param name="secondStageBits">Width of the guest-physical addresses that stage 2 translates: 39, 48 or
    /// 57.</param>
    internal FirstStageTable(Gpa root, int levels, FirstStageFlags flags, X64Format format, int secondStageBits)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(levels, 4);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(levels, X64Format.MaxLevels);
        ArgumentOutOfRangeException.ThrowIfLessThan(secondStageBits, 39);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(secondStageBits, 57);
        Levels = levels;
        Flags = flags;
        Format = format;
        SecondStageEnd = 1UL << secondStageBits;
        Top = new FirstStageStep(levels, new Gpa(root.Value & ~0xfffUL), X64Rights.All);
        const ulong neverAnAddress = ~(X64Entry.AddressMask | 0xfff);
        IsRootReserved = (root.Value & (neverAnAddress | format.ReservedAddress)) != 0;
        Refused = format.ReservedAddress | (X64Entry.AddressMask & ~(SecondStageEnd - 1)) | X64Entry.PageSizeBit;
        Used = X64Entry.AccessedBit
            | ((flags & FirstStageFlags.ExtendedAccessed) != 0 ? X64Entry.ExtendedAccessedBit : 0);
        CommonLast = X64Entry.PresentBit | X64Entry.UserBit | Used;
        LooksAtLast = CommonLast | (Refused & ~X64Entry.PageSizeBit);
    }

    internal int Levels { get; }

    internal FirstStageFlags Flags { get; }

    internal X64Format Format { get; }

    /// <summary>The first guest-physical address that stage 2 cannot translate.</summary>
    internal ulong SecondStageEnd { get; }

    /// <summary>The start of a walk for which nothing is cached.</summary>
    internal readonly FirstStageStep Top;

    /// <summary>
    /// Whether the root's address is wider than the host's addresses. All requests fail at the PASID table entry then.
    /// </summary>
    internal bool IsRootReserved { get; }

    /// <summary>The bits that the unit sets in an entry that it uses: A, and EA where that is on.</summary>
    internal ulong Used { get; }

    /// <summary>
    /// The bits that an entry of a common walk has clear: reserved bits, address bits that stage 2 does not translate,
    /// and PS.
    /// </summary>
    internal ulong Refused { get; }

    /// <summary>
    /// The bits of an entry of the last level that decide whether it permits a user's read. It does if they are equal
    /// to <see cref="CommonLast"/>.
    /// </summary>
    internal ulong LooksAtLast { get; }

    /// <summary>Their values in an entry that permits it. A write needs R/W and D as well.</summary>
    internal ulong CommonLast { get; }

    /// <summary>The rights that an access needs from all entries (VT-d specification, 3.6.1).</summary>
    internal X64Rights Required(FirstStageAccess access)
    {
        bool supervisor = (access & FirstStageAccess.Supervisor) != 0;
        X64Rights write = (access & FirstStageAccess.Write) == 0
            || (supervisor && (Flags & FirstStageFlags.WriteProtect) == 0)
            ? X64Rights.None : X64Rights.Write;
        return supervisor ? write : write | X64Rights.User;
    }
}
