using System.Diagnostics.CodeAnalysis;
using Ioasis.Core.Domains;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Mapping;

/// <summary>
/// The areas of an IOAS by address. Most are plain memory and take no object. One becomes an object for good when somebody wants more of it than that
/// devices use it: to copy it, cut it, or use it as a driver. Guarded by the lock of the IOAS's table.
/// </summary>
internal sealed class AreaMap
{
    private readonly RangeMap<AreaSlot> _slots = new();
    private readonly Dictionary<PlainMemory.Key, PlainMemory> _plain = [];
    private PlainMemory? _lastPlain; // mostly the next area's, too

    internal int Count => _slots.Count;

    /// <summary>Every area, as it is kept.</summary>
    internal IEnumerable<RangeMap<AreaSlot>.Entry> Slots => _slots.All();

    /// <summary>Whether all areas start, end and refer to memory at multiples of an alignment, a power of two of at most a page.</summary>
    internal bool AreAligned(ulong alignment) => Slots.All(s => s.Value.Area?.IsAligned(alignment) ?? true);

    /// <summary>Whether devices may not write some area.</summary>
    internal bool HasReadOnly => Slots.Any(s => ((s.Value.Area?.Access ?? s.Value.Plain!.Access) & MapAccess.Write) == 0);

    /// <summary>Whether some area is memory of a process rather than of a file.</summary>
    internal bool HasPointers => Slots.Any(s => s.Value.Area is not { Pages.Backing.IsFile: true });

    internal bool Overlaps(ulong first, ulong last) => _slots.Overlaps(first, last);

    internal bool IsFree(ulong first, ulong last, out RangeMap<AreaSlot>.Gap gap) => _slots.IsFree(first, last, out gap);

    internal RangeMap<AreaSlot>.Run FindRun(ulong first, ulong last) => _slots.FindRun(first, last);

    /// <summary>The range of the area that has an address.</summary>
    internal bool TryFindRange(ulong address, out IovaRange range)
    {
        bool found = _slots.TryFindFirst(address, address, out RangeMap<AreaSlot>.Entry entry);
        range = found ? new IovaRange(entry.First, entry.Last) : default;
        return found;
    }

    /// <summary>The area that has an address, as an object from now on.</summary>
    internal bool TryFind(ulong address, [NotNullWhen(true)] out Area? area)
    {
        RangeMap<AreaSlot>.Run run = _slots.FindRun(address, address);
        area = run.Count == 0 ? null : ToObject(run, 0);
        return area is not null;
    }

    /// <summary>All areas, as objects from now on.</summary>
    internal Area[] ToObjects()
    {
        var areas = new Area[Count];
        int made = 0;
        for (RangeMap<AreaSlot>.Run run = _slots.FindRun(0, ulong.MaxValue); run.Count != 0;)
        {
            for (int i = 0; i < run.Count; i++) areas[made++] = ToObject(run, i);
            ulong last = run.Last(run.Count - 1);
            if (last == ulong.MaxValue) break;
            run = _slots.FindRun(last + 1, ulong.MaxValue);
        }

        return areas;
    }

    internal void Add(Area area) => _slots.AddFree(area.Range.First, area.Range.Last, new AreaSlot(area));

    /// <summary>Adds one of plain memory, which was held and charged for.</summary>
    internal void AddPlain(RangeMap<AreaSlot>.Gap gap, IovaRange range, in PlainMemory.Key key, ulong address)
    {
        PlainMemory? plain = _lastPlain;
        if (plain is null || !plain.Is(in key))
        {
            if (plain is { Areas: 0 }) _plain.Remove(plain.Identity);
            if (!_plain.TryGetValue(key, out plain)) _plain.Add(key, plain = new PlainMemory(key));
            _lastPlain = plain;
        }

        plain.Areas++;
        _slots.AddTo(gap, range.First, range.Last, new AreaSlot(plain, address));
    }

    internal void Remove(Area area) => _slots.Remove(area.Range.First);

    /// <summary>Takes as many areas of a run out, from its first on.</summary>
    internal void Remove(RangeMap<AreaSlot>.Run run, int count)
    {
        for (int i = 0; i < count; i++)
            if (run.Value(i).Plain is { } plain) Forget(plain);
        _slots.Remove(run, count);
    }

    private Area ToObject(RangeMap<AreaSlot>.Run run, int at)
    {
        ref AreaSlot slot = ref run.Value(at);
        if (slot.Area is { } there) return there;
        PlainMemory plain = slot.Plain!;
        Area area = plain.ToArea(new IovaRange(run.First(at), run.Last(at)), slot.Address);
        slot = new AreaSlot(area);
        Forget(plain);
        return area;
    }

    private void Forget(PlainMemory plain)
    {
        if (--plain.Areas == 0 && plain != _lastPlain) _plain.Remove(plain.Identity);
    }
}
