using Ioasis.Memory;

namespace Ioasis.PageTables;

/// <summary>
/// The memory that a guest's tables lie in, as a walk sees it: each access goes through stage 2 first. Walks are
/// compiled for each structure that implements this, so that no call is virtual and nothing is allocated.
/// </summary>
internal interface ITableMemory
{
    /// <summary>Reads an entry in one piece.</summary>
    /// <param name="address">Its address, a multiple of 8.</param>
    /// <param name="entry">The entry, if the access is <see cref="TableAccess.Ok"/>.</param>
    TableAccess Read(Gpa address, out ulong entry);

    /// <summary>
    /// Reads an entry where nothing is in the way: the common case of <see cref="Read"/>, in which nothing is called.
    /// </summary>
    /// <param name="address">Its address, a multiple of 8.</param>
    /// <param name="entry">The entry, if there is one.</param>
    /// <returns>False where <see cref="Read"/> is to be asked.</returns>
    bool TryRead(Gpa address, out ulong entry);

    /// <summary>
    /// Replaces an entry by another in one piece, with all that was written before, if it is still what is expected.
    /// This is a write to stage 2, whether the entry changes or not.
    /// </summary>
    /// <param name="address">Its address, a multiple of 8.</param>
    /// <param name="expected">What it must be.</param>
    /// <param name="desired">What it becomes.</param>
    /// <param name="found">What it was, if the access is <see cref="TableAccess.Ok"/>: <paramref name="expected"/> if
    /// it was replaced.</param>
    TableAccess CompareExchange(Gpa address, ulong expected, ulong desired, out ulong found);
}

/// <summary>How an access to a table entry ended.</summary>
internal enum TableAccess : byte
{
    /// <summary>It was made.</summary>
    Ok,

    /// <summary>Stage 2 maps nothing at the address.</summary>
    NotPresent,

    /// <summary>Stage 2 maps the address, but not for reading.</summary>
    NoRead,

    /// <summary>Stage 2 maps the address, but not for writing.</summary>
    NoWrite,

    /// <summary>Stage 2 permits it, but there is no memory any more where it leads.</summary>
    Gone,
}
