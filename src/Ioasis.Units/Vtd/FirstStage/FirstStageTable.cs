using Ioasis.Memory;
using Ioasis.PageTables.X64;

namespace Ioasis.Units.Vtd.FirstStage;

/// <summary>A first stage: where its tables are, and how the unit walks them. The same for each of its walks.</summary>
internal readonly struct FirstStageTable
{
    /// <summary>Describes a first stage.</summary>
    /// <param name="root">Where its root is. The low 12 bits are ignored, as FSPTPTR has none.</param>
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

    /// <summary>Where every walk starts that knows nothing.</summary>
    internal readonly FirstStageStep Top;

    /// <summary>
    /// Whether the root's address has bits that no address of the host has: no request gets past the PASID table entry.
    /// </summary>
    internal bool IsRootReserved { get; }

    /// <summary>What an entry is given when it is used: A, and EA where that is on.</summary>
    internal ulong Used { get; }

    /// <summary>
    /// What an entry of a common walk has none of: reserved bits, addresses that stage 2 does not translate, and what
    /// maps a large page.
    /// </summary>
    internal ulong Refused { get; }

    /// <summary>
    /// Which bits of an entry of the last level tell whether a user's read may be made by it without another look: they
    /// are <see cref="CommonLast"/>.
    /// </summary>
    internal ulong LooksAtLast { get; }

    /// <summary>What these bits are then. For a write R/W and D are to be set, too.</summary>
    internal ulong CommonLast { get; }

    /// <summary>What entries have to grant for an access (VT-d specification, 3.6.1).</summary>
    internal X64Rights Required(FirstStageAccess access)
    {
        bool supervisor = (access & FirstStageAccess.Supervisor) != 0;
        X64Rights write = (access & FirstStageAccess.Write) == 0
            || (supervisor && (Flags & FirstStageFlags.WriteProtect) == 0)
            ? X64Rights.None : X64Rights.Write;
        return supervisor ? write : write | X64Rights.User;
    }
}
