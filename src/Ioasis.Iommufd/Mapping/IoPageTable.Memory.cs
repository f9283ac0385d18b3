using Ioasis.Core.Domains;

namespace Ioasis.Iommufd.Mapping;

/// <summary>
/// Charges for the memory that the mappings take. Charges in steps, so that a mapping mostly costs a comparison.
/// </summary>
internal sealed partial class IoPageTable
{
    // Bytes of an area in the tree; of an area's object, with its pages, whether it is there or to come; of an allowed
    // range.
    private const long AreaCost = 64, ObjectCost = 384, AllowedCost = 64;
    private const long Step = 4096;

    private long _granted; // bytes charged

    /// <summary>Bytes charged, which is more than are used.</summary>
    internal long Granted
    {
        get { using (_lock.Enter()) return _granted; }
    }

    private long Used => UsedWith(_mappings);

    private long UsedWith(MappingTable? mappings) =>
        (_areas.Count * AreaCost) + (_areas.ObjectsToCome * ObjectCost) + (_allowed.Count * AllowedCost)
        + (mappings?.TableBytes ?? 0);

    /// <summary>Whether bytes are covered by the charge, if necessary after raising it.</summary>
    private bool IsCovered(long used) => used <= _granted || TryGrow(used);

    private bool TryGrow(long used)
    {
        long more = used - _granted, ahead = Math.Max(used / 4, Step);
        if (budget.TryTake(more + ahead)) _granted += more + ahead;
        else if (budget.TryTake(more)) _granted += more;
        else return false;
        return true;
    }

    /// <summary>
    /// Lowers a charge that is too high. If a removal needed memory, charges for it regardless of limits.
    /// </summary>
    private void Settle()
    {
        long used = Used, ahead = _granted - used;
        if (ahead >= 0 && ahead <= (used / 2) + (2 * Step)) return;
        if (ahead < 0) budget.Take(-ahead);
        else budget.Give(ahead);
        _granted = used;
    }

    /// <summary>Ends all charges. Nothing is mapped any more, and nothing will be.</summary>
    internal void Close()
    {
        using (_lock.Enter())
        {
            budget.Give(_granted);
            _granted = 0;
        }
    }
}
