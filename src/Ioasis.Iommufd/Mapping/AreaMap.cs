using System.Diagnostics.CodeAnalysis;
using Ioasis.Core.Domains;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Mapping;

/// <summary>
/// The areas of an IOAS by address. Most are plain memory and take no object. One becomes an object for good when
/// somebody wants more of it than that devices use it: to copy it, cut it, or use it as a driver. Guarded by the lock
/// of the IOAS's table.
/// </summary>
internal sealed class AreaMap
{
    private readonly RangeMap<AreaSlot> _slots = new();
    private readonly NumberedItems<Area> _objects = new();
    private readonly NumberedItems<PlainMemory> _plainByNumber = new();
    private readonly Dictionary<PlainMemory.Key, PlainMemory> _plain = [];
    private PlainMemory? _lastPlain; // mostly the next area's, too

    internal int Count => _slots.Count;

    /// <summary>How many of them are objects.</summary>
    internal int Objects => _objects.Count;

    /// <summary>Every area, as it is kept.</summary>
    internal IEnumerable<RangeMap<AreaSlot>.Entry> Slots => _slots.All();

    /// <summary>
    /// Whether all areas start, end and refer to memory at multiples of an alignment, a power of two of at most a page.
    /// </summary>
    internal bool AreAligned(ulong alignment) => Slots.All(s => AreaOf(s.Value)?.IsAligned(alignment) ?? true);

    /// <summary>Whether devices may not write some area.</summary>
    internal bool HasReadOnly =>
        Slots.Any(s => ((AreaOf(s.Value)?.Access ?? PlainOf(s.Value)!.Access) & MapAccess.Write) == 0);

    /// <summary>Whether some area is memory of a process rather than of a file.</summary>
    internal bool HasPointers => Slots.Any(s => AreaOf(s.Value) is not { Pages.Backing.IsFile: true });

    /// <summary>A block that some area holds, and probably the next one lies in; null when there is none.</summary>
    internal HostBlock? HeldBlock => _lastPlain is { Areas: not 0 } plain ? plain.Block : null;

    /// <summary>Whether one more area of plain memory can be added, whatever it has in common with others.</summary>
    internal bool HasPlainNumber => _plainByNumber.Count < AreaSlot.MaxPlain;

    /// <summary>The object of an area; null where there is none.</summary>
    internal Area? AreaOf(AreaSlot slot) => slot.IsPlain ? null : _objects[slot.Number];

    /// <summary>What an area has in common with others; null where it is an object.</summary>
    internal PlainMemory? PlainOf(AreaSlot slot) => slot.IsPlain ? _plainByNumber[slot.Number] : null;

    internal bool Overlaps(ulong first, ulong last) => _slots.Overlaps(first, last);

    internal bool IsFree(ulong first, ulong last, out RangeMap<AreaSlot>.Gap gap) =>
        _slots.IsFree(first, last, out gap);

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

    internal void Add(Area area) =>
        _slots.AddFree(area.Range.First, area.Range.Last, AreaSlot.OfObject(_objects.Add(area)));

    /// <summary>Adds one of plain memory, which was charged for.</summary>
    /// <param name="gap">Where it is added.</param>
    /// <param name="range">Its addresses.</param>
    /// <param name="plain">What it has in common with others.</param>
    /// <param name="address">The address of its first byte.</param>
    /// <param name="isHeld">Whether the block was held for it; otherwise some other area holds it.</param>
    internal void AddPlain(RangeMap<AreaSlot>.Gap gap, IovaRange range, PlainMemory plain, ulong address, bool isHeld)
    {
        bool holds = plain.Areas++ != 0;
        if (holds && isHeld) plain.Block.Release();
        else if (!holds && !isHeld) plain.Block.AddReference();
        _slots.AddTo(gap, range.First, range.Last, AreaSlot.OfPlain(plain.Number, address));
    }

    /// <summary>What areas have in common that are to be added next.</summary>
    internal PlainMemory PlainOf(HostBlock block, AddressSpace space, in PinOwner owner, MapAccess access) =>
        _lastPlain is { } plain && plain.Is(block, space, in owner, access)
            ? plain
            : ChangePlain(new PlainMemory.Key(block, space, owner, access));

    private PlainMemory ChangePlain(PlainMemory.Key key)
    {
        if (_lastPlain is { Areas: 0 } unused) Drop(unused);
        if (!_plain.TryGetValue(key, out PlainMemory? plain))
        {
            _plain.Add(key, plain = new PlainMemory(key));
            plain.Number = _plainByNumber.Add(plain);
        }

        return _lastPlain = plain;
    }

    internal void Remove(Area area) => Remove(_slots.FindRun(area.Range.First, area.Range.First), 1, null);

    /// <summary>
    /// Takes as many areas of a run out, from its first on; with the last of a plain memory the batch gets its hold.
    /// </summary>
    internal void Remove(RangeMap<AreaSlot>.Run run, int count, UnmapBatch? batch)
    {
        for (int i = 0; i < count; i++)
        {
            AreaSlot slot = run.Value(i);
            if (PlainOf(slot) is not { } plain) _objects.Remove(slot.Number);
            else if (Forget(plain)) batch!.AddHold(plain.Block);
        }

        _slots.Remove(run, count);
    }

    private Area ToObject(RangeMap<AreaSlot>.Run run, int at)
    {
        ref AreaSlot slot = ref run.Value(at);
        if (AreaOf(slot) is { } there) return there;
        PlainMemory plain = PlainOf(slot)!;
        if (!Forget(plain)) plain.Block.AddReference();
        Area area = plain.ToArea(new IovaRange(run.First(at), run.Last(at)), slot.Address);
        slot = AreaSlot.OfObject(_objects.Add(area));
        return area;
    }

    /// <summary>Takes out the first area of a run, one of a plain memory.</summary>
    /// <returns>Whether it was the last one: the plain memory's hold is left to the caller then.</returns>
    internal bool RemovePlain(RangeMap<AreaSlot>.Run run, PlainMemory plain)
    {
        _slots.Remove(run, 1);
        return Forget(plain);
    }

    /// <summary>An area of plain memory is none any more. With the last one its hold is left to the caller.</summary>
    private bool Forget(PlainMemory plain)
    {
        if (--plain.Areas != 0) return false;
        if (plain != _lastPlain) Drop(plain);
        return true;
    }

    private void Drop(PlainMemory plain)
    {
        _plain.Remove(plain.Identity);
        _plainByNumber.Remove(plain.Number);
    }
}
