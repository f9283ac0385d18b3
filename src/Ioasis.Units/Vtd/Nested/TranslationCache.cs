using Ioasis.PageTables.X64;
using Ioasis.Units.Vtd.FirstStage;

namespace Ioasis.Units.Vtd.Nested;

/// <summary>
/// Translations of one first stage, as the unit's IOTLB keeps them (VT-d specification, 6.2.4): until they are invalidated, or until there is no room
/// and others are newer.
/// </summary>
internal sealed class TranslationCache(int capacity)
{
    private readonly PageCache<FirstStageTranslation> _pages = new(capacity);

    /// <summary>Finds the page around an address, whatever its size.</summary>
    internal bool TryFind(ulong iova, out FirstStageTranslation page)
    {
        page = default;
        for (int level = 1; level <= 3; level++)
            if (_pages.TryFind(iova, X64Format.PageShift(level), ref page)) return true;
        return false;
    }

    /// <summary>See <see cref="PageCache{T}.Drops"/>.</summary>
    internal long Drops => _pages.Drops;

    /// <summary>Keeps a translation instead of what was known of that page.</summary>
    internal void Keep(ulong iova, in FirstStageTranslation page, long drops) => _pages.Keep(iova, page.PageShift, in page, drops);

    /// <summary>Forgets every page that a range touches.</summary>
    internal void Drop(ulong first, ulong last) => _pages.Drop(first, last);
}
