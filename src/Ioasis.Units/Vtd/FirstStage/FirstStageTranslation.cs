using System.Runtime.CompilerServices;
using Ioasis.Memory;
using Ioasis.PageTables.X64;

namespace Ioasis.Units.Vtd.FirstStage;

/// <summary>The result of a walk: two words, which are returned in registers.</summary>
internal readonly record struct FirstStageTranslation
{
    private const int LevelAt = 8, RightsAt = 16;
    private const ulong DirtyBit = 1UL << 24;

    private readonly ulong _state;

    /// <summary>Makes a result.</summary>
    internal FirstStageTranslation(FirstStageFault fault, byte level, Gpa gpa, X64Rights rights, bool dirty)
    {
        Gpa = gpa;
        _state = (ulong)fault | ((ulong)level << LevelAt) | ((ulong)rights << RightsAt) | (dirty ? DirtyBit : 0);
    }

    /// <summary>Makes the result of a walk that found a page.</summary>
    /// <param name="level">The level of the leaf.</param>
    /// <param name="gpa">See <see cref="Gpa"/>.</param>
    /// <param name="leaf">The leaf.</param>
    /// <param name="granted">The bits for rights that are set in all entries on the way; other bits are
    /// ignored.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal FirstStageTranslation(int level, Gpa gpa, ulong leaf, ulong granted)
    {
        Gpa = gpa;
        _state = ((ulong)level << LevelAt) | ((granted & (ulong)X64Rights.All) << RightsAt)
            | ((leaf & X64Entry.DirtyBit) * (DirtyBit / X64Entry.DirtyBit));
    }

    /// <summary>
    /// The guest-physical address, which stage 2 translates next. After a fault, the address of the entry.
    /// </summary>
    internal Gpa Gpa { get; init; }

    /// <summary>Why there is no translation, or <see cref="FirstStageFault.None"/>.</summary>
    internal FirstStageFault Fault => (FirstStageFault)_state;

    /// <summary>
    /// The level of the leaf, or of the entry with the fault; 0 if the walk did not start.
    /// </summary>
    internal byte Level => (byte)(_state >> LevelAt);

    /// <summary>The rights that all entries on the way grant.</summary>
    internal X64Rights Rights
    {
        get => (X64Rights)(_state >> RightsAt) & X64Rights.All;
        init => _state = (_state & ~((ulong)X64Rights.All << RightsAt)) | ((ulong)value << RightsAt);
    }

    /// <summary>
    /// Whether the leaf has D. If not, a cached translation does not serve a write: another walk must set D.
    /// </summary>
    internal bool Dirty => (_state & DirtyBit) != 0;

    /// <summary>Whether there is a translation.</summary>
    internal bool IsOk => Fault == FirstStageFault.None;

    /// <summary>Log2 of the bytes of the page.</summary>
    internal int PageShift => X64Format.PageShift(Level);

    /// <summary>
    /// Whether this translation, from a cache, serves another request for the page. If not, the request walks: it
    /// faults, or the walk sets D.
    /// </summary>
    internal bool Serves(in FirstStageTable table, FirstStageAccess access)
    {
        const FirstStageAccess neverKept = FirstStageAccess.Execute;
        if (!IsOk || (access & neverKept) != 0 || (table.Required(access) & ~Rights) != 0) return false;
        if ((access & FirstStageAccess.Supervisor) != 0 && (table.Flags & FirstStageFlags.SupervisorRequests) == 0)
            return false;
        return Dirty || (access & FirstStageAccess.Write) == 0;
    }
}
