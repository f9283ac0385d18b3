using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Core.Domains;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Mapping;

/// <summary>Taking mappings out, and cutting them so that parts can be.</summary>
internal sealed partial class IoPageTable
{
    /// <summary>How often drivers are asked to unpin an area before the unmap is given up.</summary>
    private const int MaxTries = 100;

    private const int SpareCapacity = 64;

    // A list that nobody uses, for the next unmap: most take out one area.
    private List<Area>? _spare;

    /// <summary>
    /// Takes out all areas that lie within a range. No access uses them any more when this returns. An area that lies only partly
    /// within is an error; those below it have been taken out by then, as on Linux. Drivers that have pinned something are asked to let go of it.
    /// </summary>
    internal Errno Unmap(IovaRange range, out ulong unmapped)
    {
        unmapped = 0;
        ulong first = range.First;
        for (int tries = 0; ;)
        {
            List<Area> removed = Interlocked.Exchange(ref _spare, null) ?? [];
            Area? pinned;
            Errno errno;
            lock (_lock)
            {
                errno = Remove(ref first, range.Last, removed, ref tries, out pinned);
                Unfill(CollectionsMarshal.AsSpan(removed));
                ForgetDirty(removed);
            }

            foreach (Area area in removed)
            {
                unmapped += area.Range.Length;
                area.Pages.Release();
            }

            removed.Clear();
            if (removed.Capacity <= SpareCapacity) _spare = removed;
            if (pinned is null) return errno;
            foreach (IommufdAccess access in AccessesNow()) access.NotifyUnmap(pinned.Range);
            if (++tries > MaxTries) return Errno.EDEADLK;
        }
    }

    /// <summary>
    /// Splits the areas that a range begins and ends within, so that <see cref="Unmap"/> can take it out; only where large pages are
    /// off (Linux: iopt_cut_iova). Devices notice nothing. A range that is none is only checked, and is then for the caller to refuse.
    /// </summary>
    /// <returns><see cref="Errno.EINVAL"/> where a cut would not be at a page, or through what a driver has pinned, with nothing changed.</returns>
    internal Errno Cut(ulong iova, ulong length)
    {
        ulong last = unchecked(iova + length - 1), before = unchecked(iova - 1);
        lock (_lock)
        {
            if (!_largePagesDisabled) return Errno.None;
            Errno errno = CheckCut(last);
            if (errno == Errno.None && iova != 0) errno = CheckCut(before);
            if (errno != Errno.None || length == 0 || last < iova) return errno;
            CutAfter(last);
            if (iova != 0) CutAfter(before);
            return Errno.None;
        }
    }

    /// <summary>Takes areas out of the tree up to one that a driver has pinned, which <paramref name="first"/> then stands at.</summary>
    private Errno Remove(ref ulong first, ulong last, List<Area> removed, ref int tries, out Area? pinned)
    {
        pinned = null;
        while (_areas.TryFindFirst(first, last, out RangeMap<Area>.Entry entry))
        {
            Area area = entry.Value;
            if (area.Locks != 0) return Errno.EBUSY;
            if (entry.First < first || entry.Last > last) return Errno.ENOENT;
            if (entry.First != first) tries = 0;
            if (area.Accesses != 0)
            {
                first = entry.First;
                area.PreventAccess = true;
                pinned = area;
                return Errno.None;
            }

            _areas.Remove(entry.First);
            removed.Add(area);
            if (entry.Last == last) break;
            first = entry.Last + 1;
        }

        return Errno.None;
    }

    private void ForgetDirty(List<Area> removed)
    {
        foreach (PagingDomain domain in _domains)
            if (domain.Dirty is { } dirty)
                foreach (Area area in removed) dirty.Take(area.Range.First, area.Range.Last, clear: true, null);
    }

    private Errno CheckCut(ulong last) => _areas.TryFind(last, out Area? area) ? area.CheckSplit(last, _alignment) : Errno.None;

    private void CutAfter(ulong last)
    {
        if (!_areas.TryFind(last, out Area? whole) || whole.IsEdge(last)) return;
        var below = new Area(new IovaRange(whole.Range.First, last), whole.Pages, whole.Offset, whole.Access);
        var above = new Area(new IovaRange(last + 1, whole.Range.Last), whole.Pages, whole.OffsetAt(last + 1), whole.Access);
        whole.Pages.AddReference();
        if (_mappings is not null)
        {
            _mappings.Split(whole.Range, last);
            whole.Pages.Split(whole, below, above);
            below.IsEntered = above.IsEntered = true;
        }

        _areas.Remove(whole.Range.First);
        _areas.Add(below.Range.First, below.Range.Last, below);
        _areas.Add(above.Range.First, above.Range.Last, above);
    }
}
