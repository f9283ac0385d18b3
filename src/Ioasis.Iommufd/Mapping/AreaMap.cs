using System.Diagnostics.CodeAnalysis;
using Ioasis.Core.Domains;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Mapping;

/// <summary>
/// The areas of an IOAS by address. Most are plain memory and have no object. An area becomes an object for good when
/// it is used for more than devices' accesses: copied, cut, or used by a driver. The lock of the IOAS's table guards
/// it.
/// </summary>
internal sealed class AreaMap
{
    private readonly RangeMap<AreaSlot> _slots = new();
    private readonly NumberedItems<Area> _objects = new();
    private readonly NumberedItems<PlainMemory> _plainByNumber = new();
    private readonly Dictionary<PlainMemory.Key, PlainMemory> _plain = [];
    private PlainMemory? _lastPlain; // mostly the next area's as well
    private ulong _bytes;
    private int _foreign; // plain ones of other processes' memory, and of files

    internal int Count => _slots.Count;

    /// <summary>
    /// Sum of the areas' lengths in bytes. Like <see cref="Count"/>, it may be read without the lock.
    /// </summary>
    internal ulong Bytes => Volatile.Read(ref _bytes);

    /// <summary>
    /// Number of areas that are objects, or become objects together when the IOAS loses its last domain: another
    /// program could have as many as it likes. Our own memory's are ours to bound.
    /// </summary>
    internal int ObjectsToCome => _objects.Count + _foreign;

    /// <summary>Every area, in its stored form.</summary>
    internal IEnumerable<RangeMap<AreaSlot>.Entry> Slots => _slots.All();

    /// <summary>
    /// Whether start, end and memory of all areas are multiples of an alignment, a power of two of at most a page.
    /// </summary>
    internal bool AreAligned(ulong alignment) => Slots.All(s => AreaOf(s.Value)?.IsAligned(alignment) ?? true);

    /// <summary>Whether some area is read-only for devices.</summary>
    internal bool HasReadOnly =>
        Slots.Any(s => ((AreaOf(s.Value)?.Access ?? PlainOf(s.Value)!.Access) & MapAccess.Write) == 0);

    /// <summary>Whether some area is a process's memory, not a file's.</summary>
    internal bool HasPointers =>
        Slots.Any(s => !(AreaOf(s.Value)?.Pages.Backing.IsFile ?? PlainOf(s.Value)!.IsFile));

    /// <summary>A block that some area holds, and that probably contains the next one; null if there is none.</summary>
    internal HostBlock? HeldBlock => _lastPlain is { Areas: not 0, Memory: HostBlock block } ? block : null;

    /// <summary>Whether another <see cref="PlainMemory"/> can be numbered.</summary>
    internal bool HasPlainNumber => _plainByNumber.Count < AreaSlot.MaxPlain;

    /// <summary>The object of an area; null if it has none.</summary>
    internal Area? AreaOf(AreaSlot slot) => slot.IsPlain ? null : _objects[slot.Number];

    /// <summary>The <see cref="PlainMemory"/> of an area; null if the area is an object.</summary>
    internal PlainMemory? PlainOf(AreaSlot slot) => slot.IsPlain ? _plainByNumber[slot.Number] : null;

    /// <summary>The first entry that has an address or follows it.</summary>
    internal bool TryFindFirst(ulong from, out RangeMap<AreaSlot>.Entry entry) =>
        _slots.TryFindFirst(from, ulong.MaxValue, out entry);

    internal bool Overlaps(ulong first, ulong last) => _slots.Overlaps(first, last);

    internal bool IsFree(ulong first, ulong last, out RangeMap<AreaSlot>.Gap gap) =>
        _slots.IsFree(first, last, out gap);

    internal RangeMap<AreaSlot>.Run FindRun(ulong first, ulong last) => _slots.FindRun(first, last);

    /// <summary>The range of the area at an address.</summary>
    internal bool TryFindRange(ulong address, out IovaRange range)
    {
        bool found = _slots.TryFindFirst(address, address, out RangeMap<AreaSlot>.Entry entry);
        range = found ? new IovaRange(entry.First, entry.Last) : default;
        return found;
    }

    /// <summary>The area at an address, which becomes an object if it is none.</summary>
    internal bool TryFind(ulong address, [NotNullWhen(true)] out Area? area)
    {
        RangeMap<AreaSlot>.Run run = _slots.FindRun(address, address);
        area = run.Count == 0 ? null : ToObject(run, 0);
        return area is not null;
    }

    /// <summary>All areas, which become objects if they are none.</summary>
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

    internal void Add(Area area)
    {
        _slots.AddFree(area.Range.First, area.Range.Last, AreaSlot.OfObject(_objects.Add(area)));
        _bytes += area.Range.Length;
    }

    /// <summary>Adds an area of plain memory, which has been charged for.</summary>
    /// <param name="gap">The place for it.</param>
    /// <param name="range">Its addresses.</param>
    /// <param name="plain">Its plain memory.</param>
    /// <param name="address">The address of its first byte.</param>
    /// <param name="isHeld">Whether the caller took a hold on the memory for it; if not, another area holds the
    /// memory.</param>
    internal void AddPlain(RangeMap<AreaSlot>.Gap gap, IovaRange range, PlainMemory plain, ulong address, bool isHeld)
    {
        bool holds = plain.Areas++ != 0;
        if (plain.IsForeign) _foreign++;
        if (holds && isHeld) plain.Memory.Release();
        else if (!holds && !isHeld) plain.Memory.AddReference();
        _slots.AddTo(gap, range.First, range.Last, AreaSlot.OfPlain(plain.Number, address));
        _bytes += range.Length;
    }

    /// <summary>The <see cref="PlainMemory"/> for the areas that are added next.</summary>
    internal PlainMemory PlainOf(IHeldMemory memory, AddressSpace? space, in PinOwner owner, MapAccess access) =>
        _lastPlain is { } plain && plain.Is(memory, space, in owner, access)
            ? plain
            : ChangePlain(new PlainMemory.Key(memory, space, owner, access));

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
    /// Takes the first <paramref name="count"/> areas of a run out. When the last area of a plain memory goes, the
    /// batch takes over its hold.
    /// </summary>
    internal void Remove(RangeMap<AreaSlot>.Run run, int count, UnmapBatch? batch)
    {
        for (int i = 0; i < count; i++)
        {
            AreaSlot slot = run.Value(i);
            _bytes -= run.Last(i) - run.First(i) + 1;
            if (PlainOf(slot) is not { } plain) _objects.Remove(slot.Number);
            else if (Forget(plain)) batch!.AddHold(plain.Memory);
        }

        _slots.Remove(run, count);
    }

    private Area ToObject(RangeMap<AreaSlot>.Run run, int at)
    {
        ref AreaSlot slot = ref run.Value(at);
        if (AreaOf(slot) is { } there) return there;
        PlainMemory plain = PlainOf(slot)!;
        if (!Forget(plain)) plain.Memory.AddReference();
        Area area = plain.ToArea(new IovaRange(run.First(at), run.Last(at)), slot.Address);
        slot = AreaSlot.OfObject(_objects.Add(area));
        return area;
    }

    /// <summary>Takes out the first area of a run, which is of a plain memory.</summary>
    /// <returns>Whether it was the plain memory's last area. The caller then takes over the hold.</returns>
    internal bool RemovePlain(RangeMap<AreaSlot>.Run run, PlainMemory plain)
    {
        _bytes -= run.Last(0) - run.First(0) + 1;
        _slots.Remove(run, 1);
        return Forget(plain);
    }

    /// <summary>
    /// Removes an area from a plain memory. True if it was the last; the caller then takes over the hold.
    /// </summary>
    private bool Forget(PlainMemory plain)
    {
        if (plain.IsForeign) _foreign--;
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
