using Ioasis.Core.Domains;
using Ioasis.Memory;
using Ioasis.PageTables;

namespace Ioasis.Core.Walks;

/// <summary>The guest's memory for a walk that is only shown: entries are read, and given no bits.</summary>
internal readonly struct ShownMemory(MappingTable table) : ITableMemory
{
    /// <inheritdoc/>
    public TableAccess Read(Gpa address, out ulong entry) => table.TryReadShown(address.Value, out entry);

    /// <inheritdoc/>
    public bool TryRead(Gpa address, out ulong entry) => Read(address, out entry) == TableAccess.Ok;

    /// <summary>Says that it was done, where it could be.</summary>
    public TableAccess CompareExchange(Gpa address, ulong expected, ulong desired, out ulong found)
    {
        found = expected;
        if (!table.Show(address.Value, out MappingView view, out _)) return TableAccess.NotPresent;
        return (view.Access & MapAccess.Write) != 0 ? TableAccess.Ok : TableAccess.NoWrite;
    }
}
