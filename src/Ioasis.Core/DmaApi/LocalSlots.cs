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

    private const int Orders = IovaCaches.MaxOrder + 1, OfRetired = NumberList.Margin + Orders;

    private readonly NumberList[] _lists = new NumberList[OfRetired + 1 + NumberList.Margin];

    /// <summary>Makes one that has nothing.</summary>
    public LocalSlots()
    {
        for (int order = 0; order < Orders; order++) Free(order) = new NumberList(2 * Moved);
        _lists[OfRetired] = new NumberList(MostRetired);
    }

    /// <summary>Those that wait for a flush.</summary>
    internal ref NumberList Retired
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => ref _lists[OfRetired];
    }

    /// <summary>The free ones with 2^<paramref name="order"/> pages.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ref NumberList Free(int order) => ref _lists[NumberList.Margin + order];

    /// <summary>Moves all free slots to a list.</summary>
    internal void TakeAll(List<int> all)
    {
        for (int order = 0; order < Orders; order++)
            for (int number = Free(order).Take(); number >= 0; number = Free(order).Take()) all.Add(number);
    }
}
