namespace Ioasis.Core.Walks;

/// <summary>One step of a translation, as it is shown.</summary>
/// <param name="Stage">Who takes it.</param>
/// <param name="Level">The level of the table entry, from 1; 0 where there is none.</param>
/// <param name="Address">The address that is looked up: of the entry, or the one to be translated.</param>
/// <param name="Entry">The entry; null where there is none.</param>
/// <param name="Says">What comes of it.</param>
/// <param name="IsKept">Whether a cache of the unit says so, rather than memory as it is now.</param>
/// <param name="IsFault">Whether it ends here.</param>
public sealed record WalkStep(WalkStage Stage, int Level, ulong Address, ulong? Entry, string Says, bool IsKept,
    bool IsFault);

/// <summary>Who takes a step of a translation.</summary>
public enum WalkStage
{
    /// <summary>The device's requester ID or PASID leads to a page table.</summary>
    Attachment,

    /// <summary>The user's own table.</summary>
    First,

    /// <summary>The mappings of an IOAS.</summary>
    Second,

    /// <summary>A process's own address space.</summary>
    Process,

    /// <summary>
    /// What the user wrote down to lead from the device and its PASID to a table: a context, stream table or PASID
    /// table entry.
    /// </summary>
    Context,
}
