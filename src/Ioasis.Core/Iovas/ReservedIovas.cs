using Ioasis.Memory;

namespace Ioasis.Core.Iovas;

/// <summary>
/// The ranges of an I/O address space in which nothing may be mapped, each with its owner. Ranges of different owners
/// may overlap. The user of this class keeps its own lock around it.
/// </summary>
internal sealed class ReservedIovas
{
    private readonly List<(IovaRange Range, object Owner)> _ranges = []; // sorted by first address

    /// <summary>Reserves a range for an owner.</summary>
    public void Add(IovaRange range, object owner)
    {
        int at = _ranges.FindIndex(r => r.Range.First > range.First);
        _ranges.Insert(at < 0 ? _ranges.Count : at, (range, owner));
    }

    /// <summary>Gives back all ranges of an owner, compared by reference.</summary>
    public void RemoveOwner(object owner) => _ranges.RemoveAll(r => r.Owner == owner);

    /// <summary>Whether any address of a range is reserved.</summary>
    public bool Overlaps(IovaRange range)
    {
        foreach ((IovaRange reserved, _) in _ranges)
            if (reserved.Overlaps(range)) return true;
        return false;
    }

    /// <summary>
    /// The range that covers an address; if none does, the next one above it that starts at or below
    /// <paramref name="last"/>.
    /// </summary>
    public IovaRange? FindFirst(ulong first, ulong last)
    {
        foreach ((IovaRange range, _) in _ranges)
            if (range.Last >= first && range.First <= last) return range;
        return null;
    }

    /// <summary>The parts of <paramref name="within"/> that are not reserved, in ascending order.</summary>
    public IEnumerable<IovaRange> Holes(IovaRange within) => IovaSpans.Holes(within, FindFirst);
}
