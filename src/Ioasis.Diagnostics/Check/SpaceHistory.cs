using Ioasis.Memory;

namespace Ioasis.Diagnostics.Check;

/// <summary>
/// The mappings of one I/O address space: those that are there, and in quarantine the last ones that were taken out.
/// The checker's lock guards it.
/// </summary>
internal sealed class SpaceHistory
{
    private const int Quarantined = 1024;

    private readonly RangeMap<KnownMap> _maps = new();
    private readonly Queue<KnownMap> _unmapped = [];

    /// <summary>Memory was mapped.</summary>
    internal void Add(KnownMap map)
    {
        Take(map.Range); // whatever was not told: two mappings never overlap
        _maps.Add(map.Range.First, map.Range.Last, map);
    }

    /// <summary>How many mappings there are.</summary>
    internal int Count => _maps.Count;

    /// <summary>The mappings that are there.</summary>
    internal IEnumerable<KnownMap> Maps => _maps.All().Select(m => m.Value);

    /// <summary>The parts of mappings that were taken out last.</summary>
    internal IReadOnlyList<KnownMap> LastUnmapped { get; private set; } = [];

    /// <summary>A mapping, or a part of one, is unmapped.</summary>
    internal void Remove(IovaRange range, CallSite? by, long at)
    {
        LastUnmapped = [.. Take(range).Select(m => m with { Unmapped = by, UnmappedAt = at })];
        foreach (KnownMap part in LastUnmapped)
        {
            if (_unmapped.Count == Quarantined) _unmapped.Dequeue();
            _unmapped.Enqueue(part);
        }
    }

    /// <summary>The mapping that has an address; null for none.</summary>
    internal KnownMap? Find(ulong address) => _maps.TryFind(address, out KnownMap? map) ? map : null;

    /// <summary>The mapping with an address that was unmapped last; null for none.</summary>
    internal KnownMap? FindUnmapped(ulong address) =>
        _unmapped.LastOrDefault(m => address >= m.Range.First && address <= m.Range.Last);

    /// <summary>The mapping that is nearest to an address without one; null for none.</summary>
    internal KnownMap? Nearest(ulong address)
    {
        KnownMap? below = null;
        foreach (RangeMap<KnownMap>.Entry entry in _maps.All())
        {
            if (entry.First > address)
                return below is null || entry.First - address < address - below.Range.Last ? entry.Value : below;
            below = entry.Value;
        }

        return below;
    }

    private List<KnownMap> Take(IovaRange range)
    {
        List<KnownMap> taken = [];
        while (_maps.TryFindFirst(range.First, range.Last, out RangeMap<KnownMap>.Entry found))
        {
            _maps.Remove(found.First);
            if (found.First < range.First)
                _maps.Add(found.First, range.First - 1, found.Value.Part(found.First, range.First - 1));
            if (found.Last > range.Last)
                _maps.Add(range.Last + 1, found.Last, found.Value.Part(range.Last + 1, found.Last));
            taken.Add(found.Value.Part(Math.Max(found.First, range.First), Math.Min(found.Last, range.Last)));
        }

        return taken;
    }
}
