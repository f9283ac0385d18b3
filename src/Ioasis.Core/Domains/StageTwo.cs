using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Ioasis.Core.Endpoints;
using Ioasis.Memory;
using Ioasis.PageTables;

namespace Ioasis.Core.Domains;

/// <summary>
/// The guest's memory behind a second stage, for a walk within an access of a port. Words of memory that stands in our
/// process are changed in one step; those of another process's private memory can only be read and then written.
/// </summary>
public struct StageTwo : ITableMemory
{
    private readonly TranslationRoute _parent;
    private readonly IovaTable _plain;
    private readonly ulong _last;
    private IovaNode? _near; // tables of a guest are mostly near one another

    /// <summary>Makes a reader.</summary>
    /// <param name="parent">The second stage.</param>
    /// <param name="near">The place where the first look-up begins; see <see cref="Near"/>.</param>
    public StageTwo(PagingDomain parent, StageTwoPlace near = default)
    {
        _parent = parent.Route!;
        _plain = _parent.Table.Table;
        _last = _parent.LastAddress;
        _near = near.Node;
    }

    /// <summary>
    /// The place of an address, for walks that begin near it. It can be kept across accesses. If a walk that begins
    /// there finds nothing, the place may be stale: walk again without it.
    /// </summary>
    public static StageTwoPlace Near(PagingDomain parent, Gpa address)
    {
        ArgumentNullException.ThrowIfNull(parent);
        return new StageTwoPlace(parent.Mappings.Table.NodeOf(address.Value));
    }

    /// <summary>
    /// Where a table that was read before is in our own process; 0 when it is elsewhere. The address is for a port's
    /// <see cref="Ioasis.Core.Dma.KnownTable"/> alone: it holds as long as what the port keeps.
    /// </summary>
    /// <param name="parent">The second stage.</param>
    /// <param name="table">Its address, a multiple of its bytes.</param>
    /// <param name="bytes">Its bytes, a power of two.</param>
    public static nint AddressOf(PagingDomain parent, Gpa table, ulong bytes)
    {
        ArgumentNullException.ThrowIfNull(parent);
        TranslationRoute route = parent.Route!;
        if (route.Table.PageSize < bytes || table.Value > route.LastAddress) return 0;
        var entry = new MapEntry(route.Table.Table.FindSettled(table.Value));
        return entry.IsUsedDirectFor(MapAccess.Read) ? entry.Delta + (nint)table.Value : 0;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TableAccess Read(Gpa address, out ulong entry)
    {
        MapEntry found = address.Value <= _last ? _parent.Table.Use(address.Value, ref _near) : default;
        if (found.IsDirectFor(MapAccess.Read))
        {
            entry = HostMemory.ReadWord(found.Delta + (nint)address.Value);
            return TableAccess.Ok;
        }

        // not into entry: that is to stay in a register
        TableAccess access = _parent.Table.TryReadWord(found, address.Value, out ulong asked);
        entry = asked;
        return access;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryRead(Gpa address, out ulong entry)
    {
        entry = 0;
        if (address.Value > _last) return false;
        ref ulong at = ref _plain.FindNear(address.Value, ref _near);
        if (Refs.IsNull(ref at)) return false;
        var found = new MapEntry(Volatile.Read(ref at));
        if (!found.IsUsedDirectFor(MapAccess.Read)) return false;
        entry = HostMemory.ReadWord(found.Delta + (nint)address.Value);
        return true;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public readonly TableAccess CompareExchange(Gpa address, ulong expected, ulong desired, out ulong found)
    {
        found = 0;
        MapEntry entry = address.Value <= _last ? _parent.Table.Use(address.Value, out _) : default;
        if (!entry.IsMapped) return TableAccess.NotPresent;
        if ((entry.Access & MapAccess.Write) == 0) return TableAccess.NoWrite;
        if (!entry.IsIndirect)
        {
            found = HostMemory.CompareExchangeWord(entry.Delta + (nint)address.Value, expected, desired);
        }
        else
        {
            MemoryBacking backing = _parent.Table.BackingOf(entry, address.Value, out ulong offset);
            if (!backing.TryRead(offset, MemoryMarshal.AsBytes(new Span<ulong>(ref found))))
                return TableAccess.Gone;
            if (found == expected && !backing.TryWrite(
                offset, MemoryMarshal.AsBytes(new ReadOnlySpan<ulong>(in desired))))
                return TableAccess.Gone;
        }

        if (found == expected) _parent.Dirty?.Mark(address.Value, address.Value + sizeof(ulong) - 1);
        return TableAccess.Ok;
    }
}
