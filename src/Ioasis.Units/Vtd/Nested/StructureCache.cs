using Ioasis.PageTables.X64;
using Ioasis.Units.Vtd.FirstStage;

namespace Ioasis.Units.Vtd.Nested;

/// <summary>
/// Entries of one first stage that lead to tables, as the unit's paging-structure caches keep them (VT-d specification,
/// 6.2.5). A walk starts at the lowest that it finds.
/// </summary>
internal sealed class StructureCache(int capacity)
{
    private readonly PageCache<FirstStageStep> _steps = new(capacity);

    /// <summary>Where a walk starts: in the lowest table that is known for an address, or at the top.</summary>
    internal FirstStageStep Find(ulong iova, FirstStageStep top)
    {
        FirstStageStep known = default;
        for (int level = 1; level < top.Level; level++)
            if (_steps.TryFind(iova, X64Format.PageShift(level + 1), ref known)) return known;
        return top;
    }

    /// <summary>See <see cref="PageCache{T}.Drops"/>.</summary>
    internal long Drops => _steps.Drops;

    /// <summary>Keeps a step instead of what was known there.</summary>
    internal void Keep(ulong iova, FirstStageStep step, long drops) =>
        _steps.Keep(iova, X64Format.PageShift(step.Level + 1), in step, drops);

    /// <summary>Forgets every table that a range touches.</summary>
    internal void Drop(ulong first, ulong last) => _steps.Drop(first, last);
}
