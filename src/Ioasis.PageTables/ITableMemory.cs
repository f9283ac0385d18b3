using Ioasis.Memory;

namespace Ioasis.PageTables;

/// <summary>
/// The memory of a guest's tables, as a walk sees it: each access goes through stage 2. Walks are generic over the
/// struct that implements this, so they make no virtual call and allocate nothing.
/// </summary>
public interface ITableMemory
{
    /// <summary>Reads an entry in one load.</summary>
    /// <param name="address">Its address, a multiple of 8.</param>
    /// <param name="entry">The entry, if the result is <see cref="TableAccess.Ok"/>.</param>
    TableAccess Read(Gpa address, out ulong entry);

    /// <summary>The fast path of <see cref="Read"/>, without calls.</summary>
    /// <param name="address">Its address, a multiple of 8.</param>
    /// <param name="entry">The entry, if the result is true.</param>
    /// <returns>False if <see cref="Read"/> has to decide.</returns>
    bool TryRead(Gpa address, out ulong entry);

    /// <summary>
    /// Replaces an entry in one atomic step with release semantics, if it has the expected value. Stage 2 sees a write
    /// in either case.
    /// </summary>
    /// <param name="address">Its address, a multiple of 8.</param>
    /// <param name="expected">The value to replace.</param>
    /// <param name="desired">The new value.</param>
    /// <param name="found">The value found, if the result is <see cref="TableAccess.Ok"/>; equal to
    /// <paramref name="expected"/> if it was replaced.</param>
    TableAccess CompareExchange(Gpa address, ulong expected, ulong desired, out ulong found);
}

/// <summary>Result of an access to a table entry.</summary>
public enum TableAccess : byte
{
    /// <summary>Done.</summary>
    Ok,

    /// <summary>Stage 2 maps nothing at the address.</summary>
    NotPresent,

    /// <summary>Stage 2 maps the address, but not for reading.</summary>
    NoRead,

    /// <summary>Stage 2 maps the address, but not for writing.</summary>
    NoWrite,

    /// <summary>Stage 2 permits the access, but the memory that it maps is gone.</summary>
    Gone,
}
