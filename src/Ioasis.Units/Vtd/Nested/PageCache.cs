using System.Collections.Concurrent;

namespace Ioasis.Units.Vtd.Nested;

/// <summary>
/// What is known about naturally aligned ranges of addresses, of several sizes. Looked up without a lock; what is dropped is gone when
/// <see cref="Drop"/> returns. When it is full the oldest makes room.
/// </summary>
internal sealed class PageCache<T>(int capacity) where T : struct
{
    private const int MaxShift = 64;

    // Guards changes. Nothing else is locked while it is held.
    private readonly Lock _lock = new();
    private readonly ConcurrentDictionary<ulong, T>?[] _byShift = new ConcurrentDictionary<ulong, T>?[MaxShift];
    private readonly LinkedList<(int Shift, ulong Page)> _order = [];
    private readonly Dictionary<(int Shift, ulong Page), LinkedListNode<(int Shift, ulong Page)>> _nodes = [];

    /// <summary>What is known about the range of 2^<paramref name="shift"/> bytes around an address.</summary>
    internal bool TryFind(ulong address, int shift, out T value)
    {
        if (Volatile.Read(ref _byShift[shift]) is { } pages) return pages.TryGetValue(address >> shift, out value);
        value = default;
        return false;
    }

    internal void Keep(ulong address, int shift, T value)
    {
        lock (_lock)
        {
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

    /// <summary>Forgets every range that touches one; says whether there was any.</summary>
    internal bool Drop(ulong first, ulong last)
    {
        lock (_lock)
        {
            bool any = false;
            for (int shift = 0; shift < MaxShift; shift++)
            {
                if (_byShift[shift] is not { } pages || pages.IsEmpty) continue;
                ulong from = first >> shift, to = last >> shift;
                if (to - from < (ulong)pages.Count)
                {
                    for (ulong page = from; ; page++)
                    {
                        if (pages.ContainsKey(page)) any |= Remove((shift, page));
                        if (page == to) break;
                    }
                }
                else
                {
                    foreach (ulong page in pages.Keys.Where(p => p >= from && p <= to).ToArray()) any |= Remove((shift, page));
                }
            }

            return any;
        }
    }

    private bool Remove((int Shift, ulong Page) key)
    {
        _order.Remove(_nodes[key]);
        _nodes.Remove(key);
        return _byShift[key.Shift]!.TryRemove(key.Page, out _);
    }
}
