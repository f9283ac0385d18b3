using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Ioasis.Core.Endpoints;
using Ioasis.Memory;
using Ioasis.PageTables;

namespace Ioasis.Core.Domains;

/// <summary>
/// The guest's memory behind a second stage, for a walk within an access of a port. Words of memory that stands in our process are changed in
/// one step; those of another process's private memory can only be read and then written.
/// </summary>
internal struct SecondStage : ITableMemory
{
    private TranslationRoute _parent;
    private MappingTable _table;
    private ulong _last;
    private IovaPlace _place; // tables of a guest are mostly near one another

    /// <summary>Begins a walk, in place: what is written in parts must not be copied as a whole at once, which would wait for each part.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Open(TranslationRoute parent, out SecondStage memory)
    {
        memory._parent = parent;
        memory._table = parent.Table;
        memory._last = parent.LastAddress;
        memory._place.Node = null;
        memory._place.Shift = 0;
        memory._place.Prefix = 0;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TableAccess Read(Gpa address, out ulong entry)
    {
        MapEntry found = address.Value <= _last ? _table.Use(address.Value, ref _place) : default;
        if (found.IsDirectFor(MapAccess.Read))
        {
            entry = HostMemory.ReadWord(found.Delta + (nint)address.Value);
            return TableAccess.Ok;
        }

        TableAccess access = ReadSlow(found, address, out ulong asked); // not into entry: that is to stay in a register
        entry = asked;
        return access;
    }

    /// <inheritdoc/>
    public readonly TableAccess CompareExchange(Gpa address, ulong expected, ulong desired, out ulong found)
    {
        found = 0;
        MapEntry entry = address.Value <= _last ? _table.Use(address.Value, out _) : default;
        if (!entry.IsMapped) return TableAccess.NotPresent;
        if ((entry.Access & MapAccess.Write) == 0) return TableAccess.NoWrite;
        if (!entry.IsIndirect)
        {
            found = HostMemory.CompareExchangeWord(entry.Delta + (nint)address.Value, expected, desired);
        }
        else
        {
            ref IndirectMapping mapping = ref _table.At(entry.Number);
            ulong offset = mapping.OffsetAt(address.Value);
            if (!mapping.Backing!.TryRead(offset, MemoryMarshal.AsBytes(new Span<ulong>(ref found)))) return TableAccess.Gone;
            if (found == expected && !mapping.Backing.TryWrite(offset, MemoryMarshal.AsBytes(new ReadOnlySpan<ulong>(in desired))))
                return TableAccess.Gone;
        }

        if (found == expected) _parent.Dirty?.Mark(address.Value, address.Value + sizeof(ulong) - 1);
        return TableAccess.Ok;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private readonly TableAccess ReadSlow(MapEntry found, Gpa address, out ulong entry)
    {
        entry = 0;
        if (!found.IsMapped) return TableAccess.NotPresent;
        return (found.Access & MapAccess.Read) == 0 ? TableAccess.NoRead : _table.ReadWord(found, address.Value, out entry);
    }
}
