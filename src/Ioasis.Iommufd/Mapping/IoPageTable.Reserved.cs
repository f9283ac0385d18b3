using Ioasis.Abi;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Iovas;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Mapping;

/// <summary>The IOVAs that nothing can be mapped at, and those that automatic mappings are restricted to.</summary>
internal sealed partial class IoPageTable
{
    /// <summary>The IOVAs that can be mapped: everything that is not reserved.</summary>
    internal List<IovaRange> UsableRanges(out ulong alignment)
    {
        using (_lock.Enter())
        {
            alignment = _alignment;
            return [.. _reserved.Holes(IovaRange.All)];
        }
    }

    /// <summary>Restricts automatic IOVAs to ranges, given in any order, and prevents their reservation.</summary>
    internal Errno SetAllowed(IEnumerable<IovaRange> allowed)
    {
        List<IovaRange> sorted = [.. allowed.OrderBy(r => r.First)];
        using (_lock.Enter())
        {
            if (sorted.Exists(_reserved.Overlaps))
                return Errno.EADDRINUSE.Because("an allowed range overlaps a reserved one");
            List<IovaRange> former = _allowed;
            _allowed = [.. IovaSpans.Merge(sorted)];
            if (!IsCovered(Used))
            {
                _allowed = former;
                return Errno.ENOMEM.Because("the program may not make Ioasis hold more memory");
            }

            Settle();
            return Errno.None;
        }
    }

    /// <summary>Reserves what a device cannot use. Refused if something is mapped or allowed there.</summary>
    internal Errno Reserve(Endpoint endpoint, object owner) => Reserve([.. ReservedFor(endpoint)], owner);

    /// <summary>
    /// As <see cref="Reserve(Endpoint, object)"/>, and also reserves what lies outside the aperture of the device's
    /// unit.
    /// </summary>
    internal Errno ReserveUnusable(Endpoint endpoint, object owner) =>
        Reserve([.. ReservedFor(endpoint), .. IovaSpans.Outside(endpoint.Unit.Aperture)], owner);

    private static IEnumerable<IovaRange> ReservedFor(Endpoint endpoint) =>
        endpoint.Unit.ReservedRegions(endpoint).Where(region => region.IsReserved).Select(region => region.Range);

    private Errno Reserve(IReadOnlyList<IovaRange> ranges, object owner)
    {
        using (_lock.Enter())
        {
            foreach (IovaRange range in ranges)
                if (_areas.Overlaps(range.First, range.Last) || _allowed.Exists(range.Overlaps))
                    return Errno.EADDRINUSE.Because(
                        $"0x{range.First:x}-0x{range.Last:x}, which the device cannot use, is mapped "
                            + $"or allowed in the IOAS");
            foreach (IovaRange range in ranges) _reserved.Add(range, owner);
            return Errno.None;
        }
    }

    /// <summary>Reserves a range for good, without an owner (Linux: iopt_reserve_iova without an owner).</summary>
    internal Errno Reserve(IovaRange range)
    {
        using (_lock.Enter())
        {
            if (_areas.Overlaps(range.First, range.Last) || _allowed.Exists(range.Overlaps))
                return Errno.EADDRINUSE.Because(
                    $"0x{range.First:x}-0x{range.Last:x}, which the device cannot use, is mapped or "
                        + $"allowed in the IOAS");
            _reserved.Add(range, this);
            return Errno.None;
        }
    }

    internal void Unreserve(object owner)
    {
        using (_lock.Enter()) _reserved.RemoveOwner(owner);
    }
}
