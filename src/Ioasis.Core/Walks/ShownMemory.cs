using Ioasis.Core.Domains;
using Ioasis.Memory;
using Ioasis.PageTables;

namespace Ioasis.Core.Walks;

/// <summary>The guest's memory for a walk that is only shown: entries are read, and given no bits.</summary>
/// <param name="parent">The second stage.</param>
public readonly struct ShownMemory(PagingDomain parent) : ITableMemory
{
    private readonly MappingTable _table = parent.Mappings;

    /// <inheritdoc/>
    public TableAccess Read(Gpa address, out ulong entry) => _table.TryReadShown(address.Value, out entry);

    /// <inheritdoc/>
    public bool TryRead(Gpa address, out ulong entry) => Read(address, out entry) == TableAccess.Ok;

    /// <summary>Says that it was done, where it could be.</summary>
    public TableAccess CompareExchange(Gpa address, ulong expected, ulong desired, out ulong found)
    {
        found = expected;
        if (!_table.Show(address.Value, out MappingView view, out _)) return TableAccess.NotPresent;
        return (view.Access & MapAccess.Write) != 0 ? TableAccess.Ok : TableAccess.NoWrite;
    }
}
