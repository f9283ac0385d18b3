using System.Runtime.CompilerServices;
using Ioasis.Core.Dma;
using Ioasis.Core.Endpoints;
using Ioasis.Memory;
using Ioasis.PageTables;

namespace Ioasis.Core.Domains;

/// <summary>
/// What an IOAS maps, in the form that DMA looks it up: shared by all paging domains of that IOAS, so that a mapping is entered once,
/// however many domains there are and whatever its size.
/// </summary>
/// <remarks>
/// Look-ups take no lock. Taking a mapping out goes in this order: mark it dead, take it out of the table, raise the generation of
/// every port that could have it cached, make that visible on all processors, wait until no port is within an access that began
/// before. Then nothing can use the old translation any more, and its slot and memory can be given back.
/// </remarks>
public sealed class MappingTable
{
    private const int ChunkBits = 8;
    private const int ChunkSize = 1 << ChunkBits;

    // Guards the table, the slots and the list of ports. Taken after an endpoint's lock, never before; while it is held, no other is taken.
    private readonly Lock _lock = new();
    private readonly IovaTable _table;
    private readonly Stack<uint> _free = new();
    private readonly Dictionary<DmaPort, int> _attachments = [];
    private Mapping[][] _chunks = [new Mapping[ChunkSize]];
    private DmaPort[] _ports = [];
    private uint _next = 1;

    /// <summary>Makes an empty table.</summary>
    /// <param name="pageSize">The smallest page in bytes, a power of two of at least <see cref="DmaPort.Granule"/>.</param>
    public MappingTable(ulong pageSize)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(pageSize, DmaPort.Granule);
        if (!ulong.IsPow2(pageSize)) throw new ArgumentOutOfRangeException(nameof(pageSize), pageSize, "A page size is a power of two.");
        PageSize = pageSize;
        _table = new IovaTable(System.Numerics.BitOperations.TrailingZeroCount(pageSize));
    }

    /// <summary>The smallest page in bytes: mappings start and end at its multiples.</summary>
    public ulong PageSize { get; }

    /// <summary>
    /// Enters a mapping; its backing is populated, and its caller keeps the backing's reference until <see cref="Unmap(uint)"/>.
    /// </summary>
    /// <param name="range">Page-aligned and free.</param>
    /// <param name="backing">The memory.</param>
    /// <param name="offset">Which byte of the backing the range begins with.</param>
    /// <param name="access">What devices may do.</param>
    /// <returns>The mapping's number in this table.</returns>
    public uint Map(IovaRange range, MemoryBacking backing, ulong offset, MapAccess access)
    {
        lock (_lock)
        {
            uint number = NewMapping(range, backing, offset, access);
            _table.Set(range.First, range.Last, number);
            return number;
        }
    }

    /// <summary>
    /// Makes two mappings of one, each to be taken out by itself. Whatever the device accesses meanwhile is translated as before and after.
    /// </summary>
    /// <param name="number">The mapping; the number means nothing any more when this returns.</param>
    /// <param name="last">The last address of the lower part: before a page boundary, and not the mapping's last.</param>
    /// <returns>The numbers of the lower and of the upper part.</returns>
    public (uint Lower, uint Upper) Split(uint number, ulong last)
    {
        DmaPort[] ports;
        bool used;
        uint lower, upper;
        lock (_lock)
        {
            ref Mapping whole = ref At(number);
            var below = new IovaRange(whole.First, last);
            var above = new IovaRange(last + 1, whole.Last);
            lower = NewMapping(below, whole.Backing!, whole.BackingOffset, whole.Access);
            upper = NewMapping(above, whole.Backing!, whole.BackingOffset + below.Length, whole.Access);
            _table.Replace(below.First, below.Last, lower);
            _table.Replace(above.First, above.Last, upper);

            // Only once both parts can be found: a look-up that finds a dead mapping looks again.
            Volatile.Write(ref whole.Live, false);
            Interlocked.MemoryBarrier(); // as in Unmap
            used = Volatile.Read(ref whole.Used);
            ports = _ports;
        }

        // An IOTLB entry of the whole would outlive the parts.
        if (used) DmaPort.Quiesce(ports);
        lock (_lock) Free([number], used);
        return (lower, upper);
    }

    /// <summary>Takes a mapping out. When this returns, no access uses it any more, one in flight included.</summary>
    public void Unmap(uint number) => Unmap([number]);

    /// <summary>Takes mappings out together, at the cost of one invalidation. When this returns, no access uses any of them any more.</summary>
    public void Unmap(ReadOnlySpan<uint> numbers)
    {
        DmaPort[] ports;
        bool used = false;
        lock (_lock)
        {
            foreach (uint number in numbers)
            {
                ref Mapping mapping = ref At(number);
                mapping.Live = false;
                _table.Clear(mapping.First, mapping.Last);
            }

            // A port marks a mapping used before it looks whether it lives (DmaPort.Resolve); with a fence between on both
            // sides, either we see the mark or it sees that the mapping is dead.
            Interlocked.MemoryBarrier();
            foreach (uint number in numbers) used |= Volatile.Read(ref At(number).Used);
            ports = _ports;
        }

        if (used)
        {
            DropFromDevices(ports, numbers);
            DmaPort.Quiesce(ports);
        }

        lock (_lock) Free(numbers, used);
    }

    /// <summary>What is mapped at an address, and what memory that is, if there is any; false when nothing is.</summary>
    internal bool Show(ulong address, out MappingView view, out MemoryLocation? location)
    {
        lock (_lock)
        {
            (view, location) = (default, null);
            ref Mapping mapping = ref LookUp(address, out ulong offset);
            if (Unsafe.IsNullRef(ref mapping)) return false;
            view = new MappingView(mapping.First, mapping.Last, mapping.Access);
            if (mapping.Backing!.TryLocate(offset, out MemoryLocation found)) location = found;
            return true;
        }
    }

    /// <summary>Reads memory without being an access of a device: for showing. The mapping cannot go meanwhile.</summary>
    internal TableAccess TryReadShown(ulong address, Span<byte> bytes)
    {
        lock (_lock)
        {
            ref Mapping mapping = ref LookUp(address, out ulong offset);
            if (Unsafe.IsNullRef(ref mapping)) return TableAccess.NotPresent;
            if ((mapping.Access & MapAccess.Read) == 0) return TableAccess.NoRead;
            if (mapping.Last - address < (ulong)bytes.Length - 1) return TableAccess.NotPresent;
            return mapping.Backing!.TryRead(offset, bytes) ? TableAccess.Ok : TableAccess.Gone;
        }
    }

    /// <summary>Drops from devices' own caches what a first stage made of a range of addresses.</summary>
    internal void DropFromDevices(TranslationRoute route, ulong first, ulong last)
    {
        DmaPort[] ports;
        lock (_lock) ports = _ports;
        foreach (DmaPort port in ports) port.DeviceTlb?.Invalidate(route, first, last);
    }

    /// <summary>Empties the IOTLBs of all ports that translate by this table, and waits for accesses that began before.</summary>
    internal void Flush()
    {
        DmaPort[] ports;
        lock (_lock) ports = _ports;
        DmaPort.Quiesce(ports);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal uint Find(ulong iova) => _table.Find(iova);

    /// <summary>
    /// Finds the mapping for an address, for an access that is under way on a port: the mapping stays in use until the access ends. A null
    /// reference when there is none.
    /// </summary>
    internal ref Mapping Use(ulong address)
    {
        while (true)
        {
            uint number = _table.Find(address);
            if (number == 0) return ref Unsafe.NullRef<Mapping>();
            ref Mapping mapping = ref At(number);
            mapping.MarkUsed();

            // A number that was taken out, or already stands for another mapping: look again.
            if (Volatile.Read(ref mapping.Live) && address >= mapping.First && address <= mapping.Last) return ref mapping;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ref Mapping At(uint number) => ref Volatile.Read(ref _chunks)[number >> ChunkBits][number & (ChunkSize - 1)];

    /// <summary>From now on what is taken out is also taken from this port. Before the port can translate by the table.</summary>
    internal void AddPort(DmaPort port)
    {
        lock (_lock)
        {
            _attachments.TryGetValue(port, out int count);
            _attachments[port] = count + 1;
            if (count == 0) _ports = [.. _attachments.Keys];
        }
    }

    /// <summary>The opposite of <see cref="AddPort"/>; after the port can no longer translate by the table.</summary>
    internal void RemovePort(DmaPort port)
    {
        lock (_lock)
        {
            if (--_attachments[port] > 0) return;
            _attachments.Remove(port);
            _ports = [.. _attachments.Keys];
        }
    }

    /// <summary>The mapping at an address and the byte of its backing there, with the lock held; a null reference when there is none.</summary>
    private ref Mapping LookUp(ulong address, out ulong offset)
    {
        offset = 0;
        uint number = _table.Find(address);
        if (number == 0) return ref Unsafe.NullRef<Mapping>();
        ref Mapping mapping = ref At(number);
        offset = mapping.BackingOffset + (address - mapping.First);
        return ref mapping;
    }

    private uint NewMapping(IovaRange range, MemoryBacking backing, ulong offset, MapAccess access)
    {
        nint direct = backing.DirectAddress;
        uint number = NewSlot();
        ref Mapping mapping = ref At(number);
        mapping.First = range.First;
        mapping.Last = range.Last;
        mapping.Direct = direct == 0 ? 0 : direct + (nint)offset;
        mapping.Backing = backing;
        mapping.BackingOffset = offset;
        mapping.Access = access;
        Volatile.Write(ref mapping.Live, true);
        return number;
    }

    /// <summary>Drops from devices' own caches what leads to mappings that were taken out.</summary>
    private void DropFromDevices(DmaPort[] ports, ReadOnlySpan<uint> numbers)
    {
        foreach (DmaPort port in ports)
        {
            if (port.DeviceTlb is not { } cache) continue;
            foreach (uint number in numbers) cache.Invalidate(this, At(number).First, At(number).Last);
        }
    }

    /// <summary>Gives slots back whose mappings are dead and out of the table; <paramref name="quiesced"/>: no port can hold one any more.</summary>
    private void Free(ReadOnlySpan<uint> numbers, bool quiesced)
    {
        foreach (uint number in numbers)
        {
            ref Mapping mapping = ref At(number);
            mapping.Backing = null;
            mapping.Direct = 0;

            // Only now, when no port can hold the number: one that found it just before it was taken out may mark it later, and
            // that mark then counts for the slot's next mapping. It must never be lost, and costs at most an invalidation.
            if (quiesced) mapping.Used = false;
            _free.Push(number);
        }
    }

    private uint NewSlot()
    {
        if (_free.TryPop(out uint number)) return number;
        if (_next > IovaTable.MaxMapping) throw new InsufficientMemoryException("A table cannot hold more than 2^31 mappings.");
        number = _next++;
        if (number >> ChunkBits == _chunks.Length)
        {
            Mapping[][] chunks = new Mapping[_chunks.Length * 2][];
            _chunks.CopyTo(chunks, 0);
            Volatile.Write(ref _chunks, chunks);
        }

        _chunks[number >> ChunkBits] ??= new Mapping[ChunkSize];
        return number;
    }
}
