using Ioasis.Memory;
using Ioasis.Memory.Threads;

namespace Ioasis.Core.Domains;

/// <summary>What a table was told of its mappings, for one whose mappings nobody else keeps.</summary>
internal sealed class MappingRecords : IMappingSource
{
    // Guards the records. Innermost.
    private readonly RankedLock _lock = new(LockRank.MappingRecords);
    private readonly RangeMap<(MemoryBacking Backing, ulong Offset)> _records = new();

    /// <inheritdoc/>
    public bool TryShow(ulong address, out IovaRange range, out MemoryLocation? location)
    {
        (range, location) = (default, null);
        using (_lock.Enter())
        {
            if (!_records.TryFindFirst(
                address, address, out RangeMap<(MemoryBacking Backing, ulong Offset)>.Entry found)) return false;
            range = new IovaRange(found.First, found.Last);
            if (found.Value.Backing.TryLocate(found.Value.Offset + (address - found.First), out MemoryLocation there))
                location = there;
            return true;
        }
    }

    internal void Add(IovaRange range, MemoryBacking backing, ulong offset)
    {
        using (_lock.Enter()) _records.Add(range.First, range.Last, (backing, offset));
    }

    internal void Remove(IovaRange range)
    {
        using (_lock.Enter()) _records.Remove(range.First);
    }

    internal void Split(IovaRange range, ulong last)
    {
        using (_lock.Enter())
        {
            _records.TryFind(range.First, out (MemoryBacking Backing, ulong Offset) whole);
            _records.Remove(range.First);
            _records.Add(range.First, last, whole);
            _records.Add(last + 1, range.Last, (whole.Backing, whole.Offset + (last + 1 - range.First)));
        }
    }
}
