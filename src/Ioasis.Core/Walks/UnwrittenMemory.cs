using Ioasis.Core.Domains;
using Ioasis.Memory;
using Ioasis.PageTables;

namespace Ioasis.Core.Walks;

/// <summary>
/// The guest's memory for a walk within an access that only compares: entries are read, and given no bits.
/// </summary>
/// <param name="parent">The second stage.</param>
public struct UnwrittenMemory(PagingDomain parent) : ITableMemory
{
    private StageTwo _memory = new(parent);

    /// <inheritdoc/>
    public TableAccess Read(Gpa address, out ulong entry) => _memory.Read(address, out entry);

    /// <inheritdoc/>
    public bool TryRead(Gpa address, out ulong entry) => Read(address, out entry) == TableAccess.Ok;

    /// <summary>Says that it was done.</summary>
    public readonly TableAccess CompareExchange(Gpa address, ulong expected, ulong desired, out ulong found)
    {
        found = expected;
        return TableAccess.Ok;
    }
}
