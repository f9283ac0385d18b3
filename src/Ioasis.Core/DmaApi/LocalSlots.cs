using System.Runtime.CompilerServices;

namespace Ioasis.Core.DmaApi;

/// <summary>
/// What one thread keeps of a device's paged slots: free ones, by the size of their addresses, where the last that was
/// freed is taken first; and those that wait for a flush. Used within the thread's sections
/// (<see cref="DriverThread"/>), or while all threads are stopped.
/// </summary>
internal sealed class LocalSlots
{
    /// <summary>How many go to the slots that all threads share, or come from there, at once.</summary>
    internal const int Moved = 256;

    /// <summary>How many wait for a flush at most, as in Linux's iova_fq.</summary>
    internal const int MostRetired = 256;

    private const int Capacity = 2 * Moved, Margin = 8; // a margin is two cache lines that nothing uses
    private const int Orders = IovaCaches.MaxOrder + 1, OfRetired = Margin + Orders;

    private readonly Numbers[] _lists = new Numbers[Margin + Orders + 1 + Margin];

    /// <summary>Makes one that has nothing.</summary>
    internal LocalSlots()
    {
        for (int order = 0; order < Orders; order++) _lists[Margin + order].Items = new int[Capacity];
        _lists[OfRetired].Items = new int[MostRetired];
    }

    /// <summary>Takes a free slot; -1 if there is none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal int Take(int order)
    {
        ref Numbers list = ref _lists[Margin + order];
        int last = list.Count - 1;
        if (last < 0) return -1;
        list.Count = last;
        return list.Items[last];
    }

    /// <summary>Gives a free slot back; false if there is no room.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool TryGive(int order, int number) => _lists[Margin + order].TryAdd(number);

    /// <summary>Takes the free slots that were not used for the longest time, to make room.</summary>
    internal int MakeRoom(int order, Span<int> moved) => _lists[Margin + order].TakeOldest(moved);

    /// <summary>Adds a slot that waits for a flush; the number of those that wait, or 0 if there is no room.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal int Retire(int number)
    {
        ref Numbers list = ref _lists[OfRetired];
        return list.TryAdd(number) ? list.Count : 0;
    }

    /// <summary>Takes all that wait for a flush.</summary>
    internal int TakeRetired(Span<int> retired) => _lists[OfRetired].TakeOldest(retired);

    /// <summary>Moves all free slots to a list.</summary>
    internal void TakeAll(List<int> all)
    {
        for (int order = 0; order < Orders; order++)
        {
            ref Numbers list = ref _lists[Margin + order];
            all.AddRange(list.Items.AsSpan(0, list.Count));
            list.Count = 0;
        }
    }

    private struct Numbers
    {
        internal int[] Items;
        internal int Count;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        internal bool TryAdd(int number)
        {
            int count = Count;
            if ((uint)count >= (uint)Items.Length) return false;
            Items[count] = number;
            Count = count + 1;
            return true;
        }

        internal int TakeOldest(Span<int> taken)
        {
            int count = Math.Min(taken.Length, Count);
            Items.AsSpan(0, count).CopyTo(taken);
            Count -= count;
            Items.AsSpan(count, Count).CopyTo(Items);
            return count;
        }
    }
}
