using System.Runtime.CompilerServices;

namespace Ioasis.Core.Dma;

/// <summary>
/// The translations of one region of a first stage that are kept, a word for each page of 4 KiB: what its kind of unit
/// makes of the walk, and 0 where nothing is kept. Read by accesses while whoever owns it changes it.
/// </summary>
/// <param name="region">Its addresses, in units of 2^<see cref="KnownTable.RegionShift"/> bytes.</param>
public sealed class KeptPages(ulong region)
{
    private const int Pages = 1 << (KnownTable.RegionShift - PageShift), PageShift = 12;
    private Words _words;

    /// <summary>Its addresses, in units of 2^<see cref="KnownTable.RegionShift"/> bytes.</summary>
    public ulong Region { get; } = region;

    /// <summary>How many pages are kept. For its owner.</summary>
    public int Count { get; private set; }

    /// <summary>What is kept of the page around an address of the region.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Read(ulong address) => Volatile.Read(ref _words[IndexOf(address)]);

    /// <summary>Keeps a word, not 0, instead of what was kept of that page.</summary>
    public void Keep(ulong address, ulong word)
    {
        ref ulong at = ref _words[IndexOf(address)];
        if (at == 0) Count++;
        Volatile.Write(ref at, word);
    }

    /// <summary>Forgets the pages of the region from one address to another.</summary>
    /// <returns>How many there were.</returns>
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
