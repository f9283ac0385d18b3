using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Ioasis.Core.Dma;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Observation;
using Ioasis.Core.Units;
using Ioasis.Memory;
using Ioasis.Memory.Threads;
using Ioasis.PageTables;

namespace Ioasis.Core.Domains;

/// <summary>
/// What an IOAS maps, in the form that DMA looks it up: shared by all paging domains of that IOAS, so that a mapping is
/// entered once, however many domains there are and whatever its size.
/// </summary>
/// <remarks>
/// Look-ups take no lock. The first use of an entry does, to mark it, unless the DMA API owns the entry; so does the
/// look-up of an address that leads nowhere, while the table has runs (<see cref="IovaTable"/>). Taking a mapping out
/// goes in this order: take it out of the table and, if it was marked, raise the generation of every port that could
/// have it cached, make that visible on all processors, wait until no port is within an access that began before. Then
/// nothing can use the old translation any more, and its memory can be given back.
/// </remarks>
public sealed partial class MappingTable
{
    // Guards the table, the indirect mappings and the list of ports. Taken after an endpoint's lock, never before;
    // while it is held, only that of records is taken.
    private readonly RankedLock _lock = new(LockRank.MappingTable);
    private readonly IovaTable _table;
    private readonly IndirectMappings _indirect = new();
    private readonly MappedSpaces _spaces = new();
    private readonly IMappingSource _source;
    private readonly MappingRecords? _records;
    private readonly Dictionary<DmaPort, int> _attachments = [];
    private DmaPort[] _ports = [];

    /// <summary>Makes an empty table.</summary>
    /// <param name="pageSize">The smallest page in bytes, a power of two of at least
    /// <see cref="DmaPort.Granule"/>.</param>
    /// <param name="source">Who knows the mappings, for showing them; null when the table is to remember by
    /// itself.</param>
    internal MappingTable(ulong pageSize, IMappingSource? source = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(pageSize, DmaPort.Granule);
        if (!ulong.IsPow2(pageSize))
            throw new ArgumentOutOfRangeException(nameof(pageSize), pageSize, "A page size is a power of two.");
        PageSize = pageSize;
        _table = new IovaTable(System.Numerics.BitOperations.TrailingZeroCount(pageSize));
        _records = source is null ? new MappingRecords() : null;
        _source = source ?? _records!;
    }

    /// <summary>The I/O address space that it is the table of, for observers.</summary>
    internal object Space => _records is null ? _source.Space : this;

    /// <summary>
    /// The unit whose observers are told of mappings that the table remembers by itself; null: nobody is. A source
    /// tells of its own.
    /// </summary>
    internal IommuUnit? Told { get; set; }

    /// <summary>The smallest page in bytes: mappings start and end at its multiples.</summary>
    public ulong PageSize { get; }

    /// <summary>How much of our memory the table takes; without what it remembers by itself.</summary>
    internal long TableBytes => _table.Bytes;

    /// <summary>
    /// Enters a mapping; its backing is populated, and its caller keeps the backing's reference until
    /// <see cref="Unmap(IovaRange)"/>.
    /// </summary>
    /// <param name="range">Page-aligned and free.</param>
    /// <param name="backing">The memory.</param>
    /// <param name="offset">Which byte of the backing the range begins with.</param>
    /// <param name="access">What devices may do.</param>
    internal void Map(IovaRange range, MemoryBacking backing, ulong offset, MapAccess access)
    {
        nint direct = backing.DirectAddress;
        using (_lock.Enter())
        {
            if (direct == 0 || !MapEntry.TryDirect(range.First, direct + (nint)offset, access, out MapEntry entry))
                entry = ToIndirect(range.First, backing, offset, access);
            _table.Set(range.First, range.Last, entry.Value);
            if (_records is null) return;
            _records.Add(range, backing, offset);
            if (Told?.Observers is { } observers && observers.Want(EventKinds.Map))
                observers.Tell(new MapEvent(observers.Stamp(), this, range, access, MappedMemory.Of(backing, offset)));
        }
    }

    /// <summary>
    /// The same for memory that stands in our own process at an address aligned as the range is, of a table whose
    /// source knows what it is.
    /// </summary>
    internal void Map(IovaRange range, nint address, MapAccess access)
    {
        Debug.Assert(_records is null, "a table that remembers by itself has to be told the backing");
        bool aligned = MapEntry.TryDirect(range.First, address, access, out MapEntry entry);
        Debug.Assert(aligned, "such memory is page-aligned");
        using (_lock.Enter()) _table.Set(range.First, range.Last, entry.Value);
    }

    /// <summary>
    /// Makes two mappings of one, each to be taken out by itself. Whatever the device accesses meanwhile is translated
    /// as before and after.
    /// </summary>
    /// <param name="range">The mapping.</param>
    /// <param name="last">The last address of the lower part: before a page boundary, and not the mapping's
    /// last.</param>
    public void Split(IovaRange range, ulong last)
    {
        using (_lock.Enter())
        {
            var entry = new MapEntry(_table.Find(range.First));
            if (entry.Space != 0) _spaces.Split(entry.Space);
            else if (entry.IsIndirect) _indirect.At(entry.Number).Parts++;
            _records?.Split(range, last);
        }
    }

    /// <summary>Takes a mapping out. When this returns, no access uses it any more, one in flight included.</summary>
    public void Unmap(IovaRange range) => Unmap(new ReadOnlySpan<IovaRange>(in range));

    /// <summary>
    /// Takes mappings out together, at the cost of one invalidation. When this returns, no access uses any of them any
    /// more.
    /// </summary>
    public void Unmap(ReadOnlySpan<IovaRange> ranges)
    {
        DmaPort[] ports;
        bool used = false;
        List<MapEntry>? indirect = null;
        using (_lock.Enter())
        {
            if (_records is not null) TellUnmap(ranges);
            foreach (IovaRange range in ranges)
            {
                var entry = new MapEntry(_table.Clear(range.First, range.Last));
                used |= entry.IsUsed; // marked under the lock: who has not yet finds nothing any more
                if (entry.IsIndirect) (indirect ??= []).Add(entry);
                _records?.Remove(range);
            }

            ports = _ports;
        }

        if (used)
        {
            DropFromDevices(ports, ranges);
            DmaPort.Quiesce(ports);
        }

        if (indirect is null) return;
        using (_lock.Enter())
        {
            foreach (MapEntry entry in indirect)
            {
                if (entry.Space != 0) _spaces.Release(entry.Space);
                else _indirect.Release(entry.Number);
            }
        }
    }

    private MapEntry ToIndirect(ulong first, MemoryBacking backing, ulong offset, MapAccess access)
    {
        int space = backing.IsSpace && MapEntry.CanBeOfSpace(first, offset) ? _spaces.Add(backing) : 0;
        return space != 0
            ? MapEntry.OfSpace(space, first, offset, access)
            : MapEntry.Indirect(_indirect.Add(first, backing, offset), access);
    }

    private void TellUnmap(ReadOnlySpan<IovaRange> ranges)
    {
        if (Told?.Observers is not { } observers || !observers.Want(EventKinds.Unmap)) return;
        foreach (IovaRange range in ranges) observers.Tell(new UnmapEvent(observers.Stamp(), this, range));
    }

    /// <summary>
    /// What is mapped at an address, and what memory that is, if there is any; false when nothing is.
    /// </summary>
    internal bool Show(ulong address, out MappingView view, out MemoryLocation? location)
    {
        MapEntry entry;
        using (_lock.Enter()) entry = new MapEntry(_table.Find(address));
        (view, location) = (default, null);
        if (!entry.IsMapped || !_source.TryShow(address, out IovaRange range, out location)) return false;
        view = new MappingView(range.First, range.Last, entry.Access);
        return true;
    }

    /// <summary>
    /// Reads a word of memory without being an access of a device: for showing. The mapping cannot go meanwhile.
    /// </summary>
    /// <param name="address">A multiple of 8.</param>
    /// <param name="word">Its 64 bits.</param>
    internal TableAccess TryReadShown(ulong address, out ulong word)
    {
        word = 0;
        using (_lock.Enter())
        {
            var entry = new MapEntry(_table.Find(address));
            return entry.IsOwned ? TableAccess.NotPresent : TryReadWord(entry, address, out word); // it could go
        }
    }

    /// <summary>
    /// Reads a word at an address, a multiple of 8, for an access that is under way and found its entry, or nothing.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal TableAccess TryReadWord(MapEntry entry, ulong address, out ulong word)
    {
        word = 0;
        if (!entry.IsMapped) return TableAccess.NotPresent;
        return (entry.Access & MapAccess.Read) == 0 ? TableAccess.NoRead : ReadWord(entry, address, out word);
    }

    private TableAccess ReadWord(MapEntry entry, ulong address, out ulong word)
    {
        word = 0;
        if (!entry.IsIndirect)
        {
            word = HostMemory.ReadWord(entry.Delta + (nint)address);
            return TableAccess.Ok;
        }

        return BackingOf(entry, address, out ulong at).TryRead(at, MemoryMarshal.AsBytes(new Span<ulong>(ref word)))
            ? TableAccess.Ok
            : TableAccess.Gone;
    }

    /// <summary>Drops from devices' own caches what a first stage made of a range of addresses.</summary>
    internal void DropFromDevices(TranslationRoute route, ulong first, ulong last)
    {
        DmaPort[] ports;
        using (_lock.Enter()) ports = _ports;
        foreach (DmaPort port in ports) port.DeviceTlb?.Invalidate(route, first, last);
    }

    /// <summary>
    /// Empties the IOTLBs of all ports that translate by this table, and waits for accesses that began before.
    /// </summary>
    internal void Flush()
    {
        DmaPort[] ports;
        using (_lock.Enter()) ports = _ports;
        DmaPort.Quiesce(ports);
    }

    /// <summary>
    /// Finds what an address leads to, for an access that is under way on a port: it stays in use until the access
    /// ends.
    /// </summary>
    /// <param name="address">The address.</param>
    /// <param name="shift">Log2 of the bytes around it that lead on alike.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal MapEntry Use(ulong address, out int shift)
    {
        ref ulong at = ref _table.Find(address, out shift);
        if (Refs.IsNull(ref at)) return default;
        var entry = new MapEntry(Volatile.Read(ref at));
        if (entry.IsUsed) return entry;
        entry = Mark(address, out int marked); // not into shift: that is to stay in a register
        shift = marked;
        return entry;
    }

    /// <summary>The same for one of several look-ups of an access.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal MapEntry Use(ulong address, ref IovaNode? near)
    {
        ref ulong at = ref _table.FindNear(address, ref near);
        if (Refs.IsNull(ref at)) return default;
        var entry = new MapEntry(Volatile.Read(ref at));
        return entry.IsUsed ? entry : Mark(address, out _);
    }

    /// <summary>
    /// The same, for who keeps the node from one access to another: one that has gone says that nothing is mapped,
    /// which is asked again from the root.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal MapEntry Use(ulong address, ref IovaNode? near, out int shift)
    {
        ref ulong at = ref _table.FindNear(address, ref near);
        if (!Refs.IsNull(ref at))
        {
            var entry = new MapEntry(Volatile.Read(ref at));
            shift = near!.Shift;
            if (entry.IsUsed) return entry;
        }

        near = null;
        return Use(address, out shift);
    }

    /// <summary>
    /// The memory that an indirect entry leads to, and which byte of it an address means, for the access that found the
    /// entry.
    /// </summary>
    internal MemoryBacking BackingOf(MapEntry entry, ulong address, out ulong offset)
    {
        if (entry.Space != 0)
        {
            offset = unchecked((ulong)entry.Delta + address);
            return _spaces.At(entry.Space);
        }

        ref IndirectMapping mapping = ref _indirect.At(entry.Number);
        offset = mapping.OffsetAt(address);
        return mapping.Backing!;
    }

    /// <summary>
    /// How many bytes after an address, at least <paramref name="wanted"/> if so many, lead on alike, when those that
    /// one entry stands for do not suffice. They stay in use, too.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal ulong Extend(MapEntry entry, ulong address, int shift, ulong wanted)
    {
        ulong after = ((1UL << shift) - 1) & ~address;
        while (after < wanted && address + after != ulong.MaxValue
            && Use(address + after + 1, out shift).LeadsAs(entry))
            after += 1UL << shift;
        return after;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private MapEntry Mark(ulong address, out int shift)
    {
        while (true)
        {
            ref ulong at = ref _table.Find(address, out shift);
            if (Refs.IsNull(ref at)) return default;
            ulong value = Volatile.Read(ref at);
            // Without runs it leads nowhere, unless the last run was just written entry by entry.
            if (value == 0 && !_table.HasRuns && Volatile.Read(ref at) == 0) return default;
            if (!new MapEntry(value).IsOwned)
            {
                if (MarkLocked(address, out shift) is { } marked) return marked;
            }
            else if (Interlocked.CompareExchange(ref at, value | MapEntry.UsedBit, value) == value)
            {
                return new MapEntry(value | MapEntry.UsedBit);
            }
        }
    }

    /// <summary>Marks an entry that changes under the lock; null if it became one that does not.</summary>
    private MapEntry? MarkLocked(ulong address, out int shift)
    {
        using (_lock.Enter())
        {
            ref ulong at = ref _table.Settle(address, out shift);
            if (Refs.IsNull(ref at) || at == 0) return default(MapEntry);
            if (new MapEntry(at).IsOwned) return null;
            at |= MapEntry.UsedBit;
            return new MapEntry(at);
        }
    }

    /// <summary>The table itself, for who looks up as this does.</summary>
    internal IovaTable Table => _table;

    /// <summary>
    /// From now on what is taken out is also taken from this port. Before the port can translate by the table.
    /// </summary>
    internal void AddPort(DmaPort port)
    {
        using (_lock.Enter())
        {
            _attachments.TryGetValue(port, out int count);
            _attachments[port] = count + 1;
            if (count == 0) Volatile.Write(ref _ports, [.. _attachments.Keys]);
        }
    }

    /// <summary>The opposite of <see cref="AddPort"/>; after the port can no longer translate by the table.</summary>
    internal void RemovePort(DmaPort port)
    {
        using (_lock.Enter())
        {
            if (--_attachments[port] > 0) return;
            _attachments.Remove(port);
            Volatile.Write(ref _ports, [.. _attachments.Keys]);
        }
    }

    /// <summary>Drops from devices' own caches what leads to mappings that were taken out.</summary>
    private void DropFromDevices(DmaPort[] ports, ReadOnlySpan<IovaRange> ranges)
    {
        foreach (DmaPort port in ports)
        {
            if (port.DeviceTlb is not { } cache) continue;
            foreach (IovaRange range in ranges) cache.Invalidate(this, range.First, range.Last);
        }
    }
}
