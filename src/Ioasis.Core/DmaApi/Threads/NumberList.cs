using System.Runtime.CompilerServices;

namespace Ioasis.Core.DmaApi;

/// <summary>A list of numbers with a fixed capacity, where the last that was added is taken first.</summary>
internal struct NumberList(int capacity)
{
    /// <summary>As many lists as this beside the used ones of an array are two cache lines.</summary>
    internal const int Margin = 8;

    private readonly int[] _items = new int[capacity];

    internal int Count { get; private set; }

    internal readonly bool HasRoom => Count < _items.Length;

    /// <summary>Takes the last; -1 if there is none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal int Take()
    {
        int last = Count - 1;
        if (last < 0) return -1;
        Count = last;
        return _items[last];
    }

    /// <summary>Adds a number; false if there is no room.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool TryAdd(int number)
    {
        int count = Count;
        int[] items = _items;
        if ((uint)count >= (uint)items.Length) return false;
        items[count] = number;
        Count = count + 1;
        return true;
    }

    /// <summary>Takes those that were added first, as many as there are and fit.</summary>
    internal int TakeOldest(Span<int> taken)
    {
        int count = Math.Min(taken.Length, Count);
        _items.AsSpan(0, count).CopyTo(taken);
        Count -= count;
        _items.AsSpan(count, Count).CopyTo(_items);
        return count;
    }
}
