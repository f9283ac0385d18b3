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

    /// <summary>What the second stage maps at an address; null for nothing.</summary>
    public WalkMapping? MappingOf(Gpa address) => _table.Show(address.Value, out MappingView view, out _)
        ? new WalkMapping(view.First, view.Last, TranslationWalk.Name(view.Access))
        : null;

    /// <summary>Says that it was done, where it could be.</summary>
    public TableAccess CompareExchange(Gpa address, ulong expected, ulong desired, out ulong found)
    {
        found = expected;
        if (!_table.Show(address.Value, out MappingView view, out _)) return TableAccess.NotPresent;
        return (view.Access & MapAccess.Write) != 0 ? TableAccess.Ok : TableAccess.NoWrite;
    }
}
