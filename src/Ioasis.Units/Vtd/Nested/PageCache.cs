using System.Numerics;
using Ioasis.Memory.Threads;

namespace Ioasis.Units.Vtd.Nested;

/// <summary>
/// A cache by naturally aligned ranges of addresses of several sizes. Accesses look it up without a lock. An access
/// that begins after <see cref="Drop"/> returned finds nothing that was dropped, and nothing that was looked up before
/// is added after it. When the cache is full, the oldest entry makes room.
/// </summary>
internal sealed class PageCache<T>(int capacity) where T : struct
{
    /// <summary>
    /// The most entries of a cache: a guest with tables for all addresses must not take all of the host's memory.
    /// </summary>
    internal const int Most = 1 << 16;

    private const int MaxShift = 64;
    private const int Smallest = 16;

    // Guards changes. Nothing else is locked while it is held.
    private readonly RankedLock _lock = new(LockRank.PageCache);
    private readonly int[] _counts = new int[MaxShift]; // by shift
    private volatile Entries? _entries;
    private long _drops;

    /// <summary>
    /// Counts drops. Read it before a walk. The result of the walk is added only if the count is still the same.
    /// </summary>
    internal long Drops => Volatile.Read(ref _drops);

    /// <summary>Finds the entry of the range of 2^<paramref name="shift"/> bytes around an address.</summary>
    /// <param name="address">The address.</param>
    /// <param name="shift">Log2 of the bytes.</param>
    /// <param name="value">The entry; undefined if there is none.</param>
    internal bool TryFind(ulong address, int shift, ref T value) =>
        Volatile.Read(ref _counts[shift]) != 0 && _entries is { } entries
        && entries.TryFind(address >> shift, shift, ref value);

    /// <summary>
    /// Adds an entry, unless something was dropped since <paramref name="drops"/> was read.
    /// </summary>
    internal void Keep(ulong address, int shift, in T value, long drops)
    {
        using (_lock.Enter())
        {
            if (drops != _drops) return;
            Entries entries = _entries ??= new Entries(Math.Min(capacity, Smallest));
            ulong page = address >> shift;
            if (entries.TryReplace(page, shift, in value)) return;
            if (entries.IsFull && entries.Capacity < capacity)
                _entries = entries = entries.Grow(Math.Min(capacity, entries.Capacity * 2));
            if (entries.IsFull) _counts[entries.RemoveOldest()]--;
            entries.Add(page, shift, in value);
            Volatile.Write(ref _counts[shift], _counts[shift] + 1);
        }
    }

    /// <summary>Drops every entry whose range overlaps one.</summary>
    internal void Drop(ulong first, ulong last)
    {
        using (_lock.Enter())
        {
            if (_entries is { } entries)
                for (int shift = 0; shift < MaxShift; shift++)
                    if (_counts[shift] != 0)
                        _counts[shift] -= entries.Remove(first >> shift, last >> shift, shift, _counts[shift]);
            Volatile.Write(ref _drops, _drops + 1); // after all is gone: a reader of the new count finds none of it
        }
    }

    /// <summary>
    /// A hash table in flat arrays; chains link entries by number. A look-up that meets an entry which is being changed
    /// finds nothing. A look-up that a change leads into another chain ends after <see cref="LongestChain"/> entries.
    /// </summary>
    private sealed class Entries
    {
        private const int None = -1;
        private const int LongestChain = 64;
        private readonly Entry[] _entries;
        private readonly int[] _heads; // of chains
        private int _free;
        private int _oldest = None;
        private int _newest = None;

        internal Entries(int capacity)
        {
            _entries = new Entry[capacity];
            _heads = new int[BitOperations.RoundUpToPowerOf2((uint)capacity) * 2];
            _heads.AsSpan().Fill(None);
            for (int i = 0; i < capacity; i++)
                _entries[i] = new Entry { Shift = None, Next = i + 1 < capacity ? i + 1 : None };
        }

        internal int Capacity => _entries.Length;

        internal bool IsFull => _free == None;

        internal bool TryFind(ulong page, int shift, ref T value)
        {
            int at = Volatile.Read(ref _heads[Bucket(page, shift)]);
            for (int steps = 0; (uint)at < (uint)_entries.Length && steps < LongestChain; steps++)
            {
                ref Entry entry = ref _entries[at];
                int version = Volatile.Read(ref entry.Version);
                if (entry.Page == page && entry.Shift == shift)
                {
                    value = entry.Value;
                    Volatile.ReadBarrier();
                    return (version & 1) == 0 && entry.Version == version;
                }

                at = Volatile.Read(ref entry.Next);
            }

            return false;
        }

        internal bool TryReplace(ulong page, int shift, in T value)
        {
            int at = Find(page, shift);
            if (at == None) return false;
            ref Entry entry = ref _entries[at];
            BeginChange(ref entry);
            entry.Value = value;
            EndChange(ref entry);
            return true;
        }

        internal void Add(ulong page, int shift, in T value)
        {
            int at = _free;
            ref Entry entry = ref _entries[at];
            _free = entry.Next;
            BeginChange(ref entry);
            (entry.Page, entry.Shift, entry.Value) = (page, shift, value);
            ref int head = ref _heads[Bucket(page, shift)];
            entry.Next = head;
            EndChange(ref entry);
            Volatile.Write(ref head, at);
            (entry.Older, entry.Newer) = (_newest, None);
            if (_newest != None) _entries[_newest].Newer = at;
            else _oldest = at;
            _newest = at;
        }

        /// <summary>Removes the entry that was added first.</summary>
        /// <returns>Its shift.</returns>
        internal int RemoveOldest()
        {
            int shift = _entries[_oldest].Shift;
            Remove(_oldest);
            return shift;
        }

        /// <summary>Removes the pages of a shift in a range.</summary>
        /// <returns>How many there were.</returns>
        internal int Remove(ulong first, ulong last, int shift, int most)
        {
            int removed = 0;
            if (last - first < (ulong)most)
            {
                for (ulong page = first; ; page++)
                {
                    int at = Find(page, shift);
                    if (at != None) Remove(at);
                    if (at != None) removed++;
                    if (page == last) return removed;
                }
            }

            for (int at = 0; at < _entries.Length; at++)
            {
                if (_entries[at].Shift != shift || _entries[at].Page < first || _entries[at].Page > last) continue;
                Remove(at);
                removed++;
            }

            return removed;
        }

        /// <summary>The same entries, oldest first, with room for more.</summary>
        internal Entries Grow(int capacity)
        {
            var larger = new Entries(capacity);
            for (int at = _oldest; at != None; at = _entries[at].Newer)
                larger.Add(_entries[at].Page, _entries[at].Shift, in _entries[at].Value);
            return larger;
        }

        private int Find(ulong page, int shift)
        {
            int at = _heads[Bucket(page, shift)];
            while (at != None && (_entries[at].Page != page || _entries[at].Shift != shift)) at = _entries[at].Next;
            return at;
        }

        private void Remove(int at)
        {
            ref Entry entry = ref _entries[at];
            ref int link = ref _heads[Bucket(entry.Page, entry.Shift)];
            while (link != at) link = ref _entries[link].Next;
            Volatile.Write(ref link, entry.Next);
            BeginChange(ref entry);
            (entry.Shift, entry.Value, entry.Next) = (None, default, _free);
            EndChange(ref entry);
            _free = at;
            if (entry.Older != None) _entries[entry.Older].Newer = entry.Newer;
            else _oldest = entry.Newer;
            if (entry.Newer != None) _entries[entry.Newer].Older = entry.Older;
            else _newest = entry.Older;
        }

        private int Bucket(ulong page, int shift) =>
            (int)(((page * 0x9e3779b97f4a7c15) >> 32) + ((uint)shift * 0x85ebca6b)) & (_heads.Length - 1);

        private static void BeginChange(ref Entry entry)
        {
            entry.Version++;
            Volatile.WriteBarrier();
        }

        private static void EndChange(ref Entry entry) => Volatile.Write(ref entry.Version, entry.Version + 1);

        private struct Entry
        {
            /// <summary>Odd while the entry changes.</summary>
            internal int Version;

            /// <summary>The next entry of the chain, or the next that is free.</summary>
            internal int Next;

            /// <summary>Which page of 2^<see cref="Shift"/> bytes; <see cref="None"/> for no page.</summary>
            internal ulong Page;

            internal int Shift;
            internal int Older;
            internal int Newer;
            internal T Value;
        }
    }
}
