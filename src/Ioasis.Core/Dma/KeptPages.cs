using System.Runtime.CompilerServices;

namespace Ioasis.Core.Dma;

/// <summary>
/// Cached translations of one region of a first stage: a word for each page of 4 KiB, in the unit's own encoding, and 0
/// for a page that is not cached. Accesses read it while its owner changes it.
/// </summary>
/// <param name="region">Its addresses, in units of 2^<see cref="KnownTable.RegionShift"/> bytes.</param>
public sealed class KeptPages(ulong region)
{
    private const int Pages = 1 << (KnownTable.RegionShift - PageShift), PageShift = 12;
    private Words _words;

    /// <summary>Its addresses, in units of 2^<see cref="KnownTable.RegionShift"/> bytes.</summary>
    public ulong Region { get; } = region;

    /// <summary>How many pages are cached. For its owner.</summary>
    public int Count { get; private set; }

    /// <summary>The word of the page around an address of the region; 0 for none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Read(ulong address) => Volatile.Read(ref _words[IndexOf(address)]);

    /// <summary>Caches a word, which is not 0, for a page.</summary>
    public void Keep(ulong address, ulong word)
    {
        ref ulong at = ref _words[IndexOf(address)];
        if (at == 0) Count++;
        Volatile.Write(ref at, word);
    }

    /// <summary>Drops the pages of the region from one address to another.</summary>
    /// <returns>How many pages were dropped.</returns>
    public int Drop(ulong first, ulong last)
    {
        int dropped = 0;
        for (int i = IndexOf(first); i <= IndexOf(last) && dropped < Count; i++)
        {
            if (_words[i] == 0) continue;
            Volatile.Write(ref _words[i], 0);
            dropped++;
        }

        Count -= dropped;
        return dropped;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int IndexOf(ulong address) => (int)(address >> PageShift) & (Pages - 1);

    [InlineArray(Pages)]
    private struct Words
    {
        private ulong _first;
    }
}
