using Ioasis.Abi;
using Ioasis.Core.Domains;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Mapping;

/// <summary>Takes mappings out, and cuts them so that parts can be taken out.</summary>
internal sealed partial class IoPageTable
{
    /// <summary>How often drivers are asked to unpin an area before the unmap fails.</summary>
    private const int MaxTries = 100;

    // An empty, unused batch for the next unmap.
    private volatile UnmapBatch? _spare;

    /// <summary>
    /// Takes out all areas that lie within a range. After it returns no access uses them. An area that lies partly
    /// within is an error; as on Linux, the areas below it have then been taken out. Drivers with pins are asked to
    /// unpin.
    /// </summary>
    internal Errno Unmap(IovaRange range, out ulong unmapped)
    {
        unmapped = 0;
        ulong first = range.First;
        for (int tries = 0; ;)
        {
            UnmapBatch batch;
            Area? pinned;
            Errno errno;
            bool more;
            using (_lock.Enter())
            {
                batch = _spare ?? new UnmapBatch();
                _spare = null;
                errno = Remove(ref first, range.Last, batch, ref tries, out pinned);
                more = errno == Errno.None && pinned is null && batch.IsFull;
                batch.TakeFrom(_mappings);
                foreach (PagingDomain domain in _domains)
                    if (domain.Dirty is { } dirty) batch.Forget(dirty);
                Settle();
            }

            unmapped += batch.Bytes;
            batch.Release();
            if (more || batch.IsSmall) _spare = batch;
            if (more) continue;
            if (pinned is null) return errno;
            foreach (IommufdAccess access in AccessesNow()) access.NotifyUnmap(pinned.Range);
            if (++tries > MaxTries)
                return Errno.EDEADLK.Because(
                    $"a driver that was asked {MaxTries} times did not unpin IOVA 0x{pinned.Range.First:x}");
        }
    }

    /// <summary>
    /// Splits the areas that cross the ends of a range, so that <see cref="Unmap"/> can take the range out. Only if
    /// large pages are off (Linux: iopt_cut_iova). Devices notice nothing. An invalid range is only checked here; the
    /// caller refuses it.
    /// </summary>
    /// <returns>
    /// <see cref="Errno.EINVAL"/>, with nothing changed, if a cut is not at a page or goes through a driver's pins.
    /// </returns>
    internal Errno Cut(ulong iova, ulong length)
    {
        ulong last = unchecked(iova + length - 1), before = unchecked(iova - 1);
        using (_lock.Enter())
        {
            if (!_largePagesDisabled) return Errno.None;
            Errno errno = CheckCut(last);
            if (errno == Errno.None && iova != 0) errno = CheckCut(before);
            if (errno != Errno.None || length == 0 || last < iova) return errno;
            if (!IsCovered(Used + (2 * (AreaCost + ObjectCost))))
                return Errno.ENOMEM.Because("the program may not make Ioasis hold more memory");
            CutAfter(last);
            if (iova != 0) CutAfter(before);
            return Errno.None;
        }
    }

    /// <summary>
    /// Takes areas out of the tree, until the batch is full or at an area that a driver has pinned;
    /// <paramref name="first"/> is then the address to continue at.
    /// </summary>
    private Errno Remove(ref ulong first, ulong last, UnmapBatch batch, ref int tries, out Area? pinned)
    {
        Errno errno = Errno.None;
        pinned = null;
        for (bool done = false; !done && !batch.IsFull;)
        {
            RangeMap<AreaSlot>.Run run = _areas.FindRun(first, last);
            int count = 0;
            done = run.Count == 0;
            while (!done && count < run.Count && run.First(count) <= last)
            {
                var range = new IovaRange(run.First(count), run.Last(count));
                AreaSlot slot = run.Value(count);
                Area? area = _areas.AreaOf(slot);
                if (area is { Locks: not 0 })
                    errno = Errno.EBUSY.Because($"a hardware queue uses 0x{range.First:x}-0x{range.Last:x}");
                else if (range.First < first || range.Last > last)
                    errno = Errno.ENOENT.Because(
                        $"only a part of the mapping 0x{range.First:x}-0x{range.Last:x} is in the "
                            + $"range; unmap all of it");
                if (errno != Errno.None) break;
                if (range.First != first) tries = 0;
                if (area is { Accesses: not 0 })
                {
                    first = range.First;
                    area.PreventAccess = true;
                    pinned = area;
                    break;
                }

                TellUnmap(range);
                if (area is not null) batch.Add(area);
                else batch.Add(_areas.PlainOf(slot)!, range);
                count++;
                done = range.Last == last;
                if (!done) first = range.Last + 1;
            }

            _areas.Remove(run, count, batch);
            done |= errno != Errno.None || pinned is not null;
        }

        return errno;
    }

    private Errno CheckCut(ulong last) =>
        _areas.TryFind(last, out Area? area) ? area.CheckSplit(last, _alignment) : Errno.None;

    private void CutAfter(ulong last)
    {
        if (!_areas.TryFind(last, out Area? whole) || whole.IsEdge(last)) return;
        var below = new Area(new IovaRange(whole.Range.First, last), whole.Pages, whole.Offset, whole.Access);
        var above = new Area(new IovaRange(last + 1, whole.Range.Last), whole.Pages, whole.OffsetAt(last + 1),
            whole.Access);
        whole.Pages.AddReference();
        if (_mappings is not null)
        {
            _mappings.Split(whole.Range, last);
            whole.Pages.Split(whole, below, above);
            below.IsEntered = above.IsEntered = true;
        }

        _areas.Remove(whole);
        _areas.Add(below);
        _areas.Add(above);
    }
}
