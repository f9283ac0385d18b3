using System.Numerics;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Memory.Threads;

namespace Ioasis.Core.Dma;

/// <summary>
/// The translations that an engine of a device asked for by itself and keeps (PCI Express: ATS, address translation
/// cache). Of a nested domain it holds what the first stage makes of an address; the second stage is applied to each
/// access anew, so that it is never stale.
/// </summary>
/// <remarks>
/// An entry lives until its translation is invalidated: by whoever owns the first stage, by the mapping's end, or by
/// the end of the attachment. Each of them drops it here before it waits for the port. An answer that was on its way
/// then is not kept: the cache counts invalidations, and a translation that was begun before the last one is used once,
/// by the access that is being waited for.
/// </remarks>
internal sealed class DeviceTlb
{
    private static readonly int[] s_shifts = [30, 21, 12];

    // Guards everything below. Innermost.
    private readonly RankedLock _lock = new(LockRank.DeviceTlb);
    private readonly Entry[] _entries;
    private readonly Dictionary<Key, int> _index;
    private readonly Stack<int> _free = new();
    private int _oldest; // the next entry to make room
    private long _epoch;
    private long _hits;
    private long _misses;
    private long _invalidations;

    internal DeviceTlb(int capacity)
    {
        _entries = new Entry[capacity];
        _index = new Dictionary<Key, int>(capacity);
        for (int slot = capacity - 1; slot >= 0; slot--) _free.Push(slot);
    }

    /// <summary>How many translations it can keep.</summary>
    public int Capacity => _entries.Length;

    /// <summary>How many it keeps now.</summary>
    public int Count
    {
        get { using (_lock.Enter()) return _index.Count; }
    }

    /// <summary>How often a translation was found.</summary>
    public long Hits => Interlocked.Read(ref _hits);

    /// <summary>How often one had to be asked for, in vain included.</summary>
    public long Misses => Interlocked.Read(ref _misses);

    /// <summary>How many translations were invalidated.</summary>
    public long Invalidations => Interlocked.Read(ref _invalidations);

    /// <summary>The device forgets all that it keeps. Nobody has to be waited for.</summary>
    public void Flush()
    {
        using (_lock.Enter())
        {
            _epoch++;
            foreach (int slot in _index.Values) Free(slot);
            _index.Clear();
        }
    }

    /// <summary>
    /// The number of invalidations so far, to be read before what translates an address is looked up.
    /// </summary>
    internal long Epoch
    {
        get { using (_lock.Enter()) return _epoch; }
    }

    /// <summary>Translates an address: by what is kept, else by asking. Within an access of the port.</summary>
    /// <param name="endpoint">Whose request it is.</param>
    /// <param name="route">What translates requests with that PASID.</param>
    /// <param name="pasidKey">The PASID plus 1; 0 for none.</param>
    /// <param name="iova">The address.</param>
    /// <param name="access">What is to be done there.</param>
    /// <param name="epoch">The <see cref="Epoch"/> before the route was looked up.</param>
    internal FirstStageResult Translate(
        Endpoint endpoint, TranslationRoute route, uint pasidKey, ulong iova, MapAccess access, long epoch)
    {
        using (_lock.Enter())
        {
            if (TryFind(route, pasidKey, iova, access, out FirstStageResult kept))
            {
                _hits++;
                return kept;
            }

            _misses++;
        }

        FirstStageResult asked = route.FirstStage is { } firstStage
            ? firstStage.Translate(endpoint, new TranslationRequest(iova, access, pasidKey))
            : new FirstStageResult(iova, sizeof(ulong) * 8, MapAccess.ReadWrite);
        if (!asked.IsOk) return asked;
        MapEntry entry = route.Table.Use(asked.Address, out int mapped);
        if ((entry.Access & access) == 0) return asked;
        int shift = LargestPage(Math.Min(asked.PageShift, mapped));
        if (shift != 0) Keep(route, pasidKey, iova, asked.Address, shift, asked.Access & entry.Access, epoch);
        return asked;
    }

    /// <summary>
    /// Drops translations of addresses in a range by their PASID. What was asked for before is not kept after this.
    /// </summary>
    internal void Invalidate(uint pasidKey, ulong first = 0, ulong last = ulong.MaxValue) =>
        Drop(new Dropped(null, null, pasidKey, first, last));

    /// <summary>Drops translations of addresses in a range by a first stage.</summary>
    internal void Invalidate(TranslationRoute route, ulong first, ulong last) =>
        Drop(new Dropped(route, null, 0, first, last));

    /// <summary>Drops translations to addresses in a range of a table of mappings.</summary>
    internal void Invalidate(MappingTable table, ulong first, ulong last) =>
        Drop(new Dropped(null, table, 0, first, last));

    private bool TryFind(TranslationRoute route, uint pasidKey, ulong iova, MapAccess access, out FirstStageResult kept)
    {
        foreach (int shift in s_shifts)
        {
            if (!_index.TryGetValue(new Key(pasidKey, shift, iova >> shift), out int slot)) continue;
            ref Entry entry = ref _entries[slot];
            if (entry.Route != route || (entry.Access & access) == 0) continue;
            ulong within = iova & ((1UL << shift) - 1);
            kept = new FirstStageResult(entry.Address | within, shift, entry.Access);
            return true;
        }

        kept = default;
        return false;
    }

    private void Keep(TranslationRoute route, uint pasidKey, ulong iova, ulong address, int shift,
        MapAccess access, long epoch)
    {
        using (_lock.Enter())
        {
            if (epoch != _epoch) return;
            var key = new Key(pasidKey, shift, iova >> shift);
            if (!_index.TryGetValue(key, out int slot))
            {
                if (!_free.TryPop(out slot))
                {
                    slot = _oldest;
                    _oldest = (_oldest + 1) % _entries.Length;
                    _index.Remove(_entries[slot].Key);
                }

                _index.Add(key, slot);
            }

            _entries[slot] = new Entry(key, route, address & ~((1UL << shift) - 1), access);
        }
    }

    private void Drop(in Dropped what)
    {
        using (_lock.Enter())
        {
            _epoch++;
            if (_index.Count == 0) return;
            int before = _index.Count;
            for (int slot = 0; slot < _entries.Length; slot++)
            {
                if (_entries[slot].Route is null || !what.Covers(in _entries[slot])) continue;
                _index.Remove(_entries[slot].Key);
                Free(slot);
            }

            _invalidations += before - _index.Count;
        }
    }

    private void Free(int slot)
    {
        _entries[slot] = default;
        _free.Push(slot);
    }

    /// <summary>Log2 of the largest page that is kept of so many bytes that are translated alike; 0 for none.</summary>
    private static int LargestPage(int most)
    {
        foreach (int shift in s_shifts)
            if (shift <= most) return shift;
        return 0;
    }

    private readonly record struct Key(uint PasidKey, int Shift, ulong Page)
    {
        public override int GetHashCode() =>
            (int)(BitOperations.RotateLeft(Page * 0x9e3779b97f4a7c15, 29) ^ (PasidKey * 0x85ebca6b) ^ (uint)Shift);
    }

    private readonly record struct Entry(Key Key, TranslationRoute? Route, ulong Address, MapAccess Access);

    /// <summary>Which entries go: of a route by address, to a table's addresses, or of a PASID.</summary>
    private readonly record struct Dropped(
        TranslationRoute? Route, MappingTable? Table, uint PasidKey, ulong First, ulong Last)
    {
        internal bool Covers(in Entry entry)
        {
            ulong size = (1UL << entry.Key.Shift) - 1;
            if (Table is not null)
                return entry.Route!.Table == Table && entry.Address <= Last && (entry.Address | size) >= First;
            if (Route is null ? entry.Key.PasidKey != PasidKey : entry.Route != Route) return false;
            ulong first = entry.Key.Page << entry.Key.Shift;
            return first <= Last && (first | size) >= First;
        }
    }
}
