using System.Collections.Concurrent;

namespace Ioasis.Units.Vtd.Nested;

/// <summary>
/// What is known about naturally aligned ranges of addresses, of several sizes. Looked up without a lock; what is dropped is gone when
/// <see cref="Drop"/> returns, and nothing that was found out before comes back. When it is full the oldest makes room.
/// </summary>
internal sealed class PageCache<T>(int capacity) where T : struct
{
    /// <summary>The most that is ever kept, so that a guest whose tables lead everywhere does not take all of the host's memory.</summary>
    internal const int Most = 1 << 16;

    private const int MaxShift = 64;

    // Guards changes. Nothing else is locked while it is held.
    private readonly Lock _lock = new();
    private readonly ConcurrentDictionary<ulong, T>?[] _byShift = new ConcurrentDictionary<ulong, T>?[MaxShift];
    private readonly LinkedList<(int Shift, ulong Page)> _order = [];
    private readonly Dictionary<(int Shift, ulong Page), LinkedListNode<(int Shift, ulong Page)>> _nodes = [];
    private long _drops;

    /// <summary>
    /// How often something was dropped. Read before anything else is; what is found out from then on is kept only if the number is still the same.
    /// </summary>
    internal long Drops => Volatile.Read(ref _drops);

    /// <summary>What is known about the range of 2^<paramref name="shift"/> bytes around an address.</summary>
    internal bool TryFind(ulong address, int shift, out T value)
    {
        if (Volatile.Read(ref _byShift[shift]) is { } pages) return pages.TryGetValue(address >> shift, out value);
        value = default;
        return false;
    }

    /// <summary>Keeps what was found out about a range, unless something was dropped since: it may come from before that.</summary>
    internal void Keep(ulong address, int shift, T value, long drops)
    {
        lock (_lock)
        {
            if (drops != _drops) return;
            ConcurrentDictionary<ulong, T> pages = _byShift[shift] ?? new ConcurrentDictionary<ulong, T>();
            (int, ulong) key = (shift, address >> shift);
            if (!_nodes.ContainsKey(key))
            {
                if (_nodes.Count >= capacity) Remove(_order.First!.Value);
                _nodes.Add(key, _order.AddLast(key));
            }

            pages[address >> shift] = value;
            Volatile.Write(ref _byShift[shift], pages);
        }
    }

    /// <summary>Forgets every range that touches one.</summary>
    internal void Drop(ulong first, ulong last)
    {
        lock (_lock)
        {
            for (int shift = 0; shift < MaxShift; shift++)
            {
                if (_byShift[shift] is not { } pages || pages.IsEmpty) continue;
                ulong from = first >> shift, to = last >> shift;
                if (to - from < (ulong)pages.Count)
                {
                    for (ulong page = from; ; page++)
                    {
                        if (pages.ContainsKey(page)) Remove((shift, page));
                        if (page == to) break;
                    }
                }
                else
                {
                    foreach (ulong page in pages.Keys.Where(p => p >= from && p <= to).ToArray()) Remove((shift, page));
                }
            }

            Volatile.Write(ref _drops, _drops + 1); // after all is gone: who reads the new number finds none of it
        }
    }

    private void Remove((int Shift, ulong Page) key)
    {
        _order.Remove(_nodes[key]);
        _nodes.Remove(key);
        _byShift[key.Shift]!.TryRemove(key.Page, out _);
    }
}
