using Ioasis.Memory;

namespace Ioasis.Iommufd.Mapping;

/// <summary>
/// Ranges of an IOAS where nothing may be mapped, with their owners. Ranges of different owners may overlap.
/// </summary>
internal sealed class ReservedIovas
{
    private readonly List<(IovaRange Range, object Owner)> _ranges = []; // sorted by first address

    internal void Add(IovaRange range, object owner)
    {
        int at = _ranges.FindIndex(r => r.Range.First > range.First);
        _ranges.Insert(at < 0 ? _ranges.Count : at, (range, owner));
    }

    internal void RemoveOwner(object owner) => _ranges.RemoveAll(r => r.Owner == owner);

    internal bool Overlaps(IovaRange range)
    {
        foreach ((IovaRange reserved, _) in _ranges)
            if (reserved.Overlaps(range)) return true;
        return false;
    }

    /// <summary>
    /// The range that covers an address; if none does, the next one above it that starts at or below
    /// <paramref name="last"/>.
    /// </summary>
    internal IovaRange? FindFirst(ulong first, ulong last)
    {
        foreach ((IovaRange range, _) in _ranges)
            if (range.Last >= first && range.First <= last) return range;
        return null;
    }

    /// <summary>The unreserved parts of <paramref name="within"/>, in ascending order.</summary>
    internal IEnumerable<IovaRange> Holes(IovaRange within) => Spans.Holes(within, FindFirst);
}
