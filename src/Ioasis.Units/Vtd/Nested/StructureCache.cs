using Ioasis.PageTables.X64;
using Ioasis.Units.Vtd.FirstStage;

namespace Ioasis.Units.Vtd.Nested;

/// <summary>
/// The unit's paging-structure cache of one first stage (VT-d specification, 6.2.5): entries that lead to tables. A
/// walk starts at the lowest table that it finds here.
/// </summary>
internal sealed class StructureCache(int capacity)
{
    private readonly PageCache<FirstStageStep> _steps = new(capacity);

    /// <summary>The start of a walk: the lowest table that is cached for an address, else the top.</summary>
    internal FirstStageStep Find(ulong iova, FirstStageStep top)
    {
        FirstStageStep known = default;
        for (int level = 1; level < top.Level; level++)
            if (_steps.TryFind(iova, X64Format.PageShift(level + 1), ref known)) return known;
        return top;
    }

    /// <summary>See <see cref="PageCache{T}.Drops"/>.</summary>
    internal long Drops => _steps.Drops;

    /// <summary>Caches a step; it replaces an older one for the same addresses.</summary>
    internal void Keep(ulong iova, FirstStageStep step, long drops) =>
        _steps.Keep(iova, X64Format.PageShift(step.Level + 1), in step, drops);

    /// <summary>Drops every table that translates an address of a range.</summary>
    internal void Drop(ulong first, ulong last) => _steps.Drop(first, last);
}
