using System.Numerics;
using Ioasis.Abi;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Mapping;

/// <summary>
/// The mappings of one IOAS (Linux: struct io_pagetable): areas of IOVAs with the memory behind them, what is reserved and what is
/// allowed, and the domains that translate by them. Without a domain it is bookkeeping: memory is neither checked nor held, and
/// any alignment will do.
/// </summary>
internal sealed class IoPageTable
{
    /// <summary>The host's page in bytes (PAGE_SIZE): what a mapping's alignment never needs to exceed.</summary>
    internal const ulong HostPageSize = 4096;

    // Guards everything below. Taken after a group's attach lock; a mapping table's lock is taken within it. Two
    // IoPageTables are never locked together.
    private readonly Lock _lock = new();
    private readonly RangeMap<Area> _areas = new();
    private readonly ReservedIovas _reserved = new();
    private readonly List<PagingDomain> _domains = [];
    private List<IovaRange> _allowed = [];
    private MappingTable? _mappings;
    private bool _largePagesDisabled;
    private ulong _alignment = 1;

    /// <summary>Whether a mapping may use pages larger than the host's (IOMMU_OPTION_HUGE_PAGES).</summary>
    internal bool LargePages
    {
        get { lock (_lock) return !_largePagesDisabled; }
    }

    /// <summary>
    /// The page sizes that every domain has, from the host's page on, a bit for each; without a domain all of them (Linux: iommufd_get_pagesizes).
    /// </summary>
    internal ulong PageSizes
    {
        get
        {
            lock (_lock)
            {
                ulong sizes = _domains.Aggregate(ulong.MaxValue, (common, domain) => common & domain.PageSizes);
                if ((sizes & (HostPageSize - 1)) != 0) sizes = (sizes & ~(HostPageSize - 1)) | HostPageSize;
                return Math.Max(sizes, _alignment);
            }
        }
    }

    /// <summary>What IOVAs, lengths and memory addresses of new mappings must be multiples of, in bytes.</summary>
    internal ulong Alignment
    {
        get { lock (_lock) return _alignment; }
    }

    /// <summary>Maps slices one after the other at <paramref name="iova"/>, or where they fit if <paramref name="choose"/>.</summary>
    /// <remarks>On success the slices' references are the table's; on failure the caller keeps them and nothing has changed.</remarks>
    internal Errno Map(IReadOnlyList<BackingSlice> slices, ulong length, bool choose, MapAccess access, ref ulong iova)
    {
        lock (_lock)
        {
            if (length == 0 || (length & (_alignment - 1)) != 0) return Errno.EINVAL;
            ulong first = iova;
            Errno errno = choose
                ? IovaAllocator.Allocate(slices[0].AlignmentHint, length, _alignment, _allowed, NextUsed, out first)
                : CheckFree(first, length);
            if (errno != Errno.None) return errno;

            List<Area> areas = [];
            ulong at = first;
            foreach (BackingSlice slice in slices)
            {
                if ((access & MapAccess.Write) != 0 && !slice.Backing.Writable) return Errno.EPERM;
                if ((slice.AlignmentHint & (HostPageSize - 1) & (_alignment - 1)) != 0) return Errno.EINVAL;
                areas.Add(new Area(new IovaRange(at, at + slice.Length - 1), slice.Backing, slice.Offset, access));
                at += slice.Length;
            }

            if (_domains.Count > 0)
            {
                errno = Populate(areas);
                if (errno != Errno.None) return errno;
                foreach (Area area in areas) Enter(area);
            }

            foreach (Area area in areas) _areas.Add(area.Range.First, area.Range.Last, area);
            iova = first;
            return Errno.None;
        }
    }

    /// <summary>
    /// Takes out all areas that lie within a range. No access uses them any more when this returns. An area that lies only partly
    /// within is an error; those below it have been taken out by then, as on Linux.
    /// </summary>
    internal Errno Unmap(IovaRange range, out ulong unmapped)
    {
        List<Area> removed = [];
        Errno errno = Errno.None;
        unmapped = 0;
        lock (_lock)
        {
            ulong first = range.First;
            while (_areas.TryFindFirst(first, range.Last, out RangeMap<Area>.Entry entry))
            {
                if (!range.Contains(entry.Value.Range))
                {
                    errno = Errno.ENOENT;
                    break;
                }

                _areas.Remove(entry.First);
                removed.Add(entry.Value);
                unmapped += entry.Value.Range.Length;
                if (entry.Last == range.Last) break;
                first = entry.Last + 1;
            }

            if (_mappings is not null && removed.Count > 0)
            {
                _mappings.Unmap([.. removed.Select(a => a.Mapping)]);
                foreach (PagingDomain domain in _domains)
                    if (domain.Dirty is { } dirty)
                        foreach (Area area in removed) dirty.Take(area.Range.First, area.Range.Last, clear: true, null);
            }
        }

        foreach (Area area in removed) area.Backing.Release();
        return errno;
    }

    /// <summary>
    /// Splits the areas that a range begins and ends within, so that <see cref="Unmap"/> can take it out; only where large pages are
    /// off (Linux: iopt_cut_iova). Devices notice nothing. A range that is none is only checked, and is then for the caller to refuse.
    /// </summary>
    /// <returns><see cref="Errno.EINVAL"/> where a cut would not be at a page, with nothing changed.</returns>
    internal Errno Cut(ulong iova, ulong length)
    {
        ulong last = unchecked(iova + length - 1), before = unchecked(iova - 1);
        lock (_lock)
        {
            if (!_largePagesDisabled) return Errno.None;
            if (!CanCut(last) || (iova != 0 && !CanCut(before))) return Errno.EINVAL;
            if (length == 0 || last < iova) return Errno.None;
            CutAfter(last);
            if (iova != 0) CutAfter(before);
            return Errno.None;
        }
    }

    /// <summary>The memory behind a range without holes, with a reference for each slice; for a copy to another table.</summary>
    internal Errno GetSlices(ulong iova, ulong length, out List<BackingSlice> slices)
    {
        slices = [];
        if (length == 0) return Errno.EINVAL;
        if (!new Iova(iova).TryLast(length, out Iova end)) return Errno.EOVERFLOW;
        lock (_lock)
        {
            List<BackingSlice> found = [];
            for (ulong at = iova; ;)
            {
                if (!_areas.TryFind(at, out Area? area)) return Errno.ENOENT;
                ulong last = Math.Min(end.Value, area.Range.Last);
                found.Add(new BackingSlice(area.Backing, area.Offset + (at - area.Range.First), last - at + 1));
                if (last == end.Value) break;
                at = last + 1;
            }

            foreach (BackingSlice slice in found) slice.Backing.AddReference();
            slices = found;
            return Errno.None;
        }
    }

    /// <summary>Whether anything is mapped that a process's pointers name.</summary>
    internal bool HasProcessMemory()
    {
        lock (_lock) return Areas.Any(a => !a.Backing.IsFile);
    }

    /// <summary>Where mappings may be: everything that is not reserved.</summary>
    internal List<IovaRange> UsableRanges(out ulong alignment)
    {
        lock (_lock)
        {
            alignment = _alignment;
            return [.. _reserved.Holes(IovaRange.All)];
        }
    }

    /// <summary>Restricts automatic IOVAs to ranges, given in any order, and keeps these from being reserved.</summary>
    internal Errno SetAllowed(IEnumerable<IovaRange> allowed)
    {
        List<IovaRange> sorted = [.. allowed.OrderBy(r => r.First)];
        lock (_lock)
        {
            if (sorted.Exists(_reserved.Overlaps)) return Errno.EADDRINUSE;
            _allowed = Spans.Merge(sorted);
            return Errno.None;
        }
    }

    /// <summary>The table of mappings for a domain that is about to be made: the one that domains of this IOAS share, or a new one.</summary>
    internal MappingTable MappingsFor(ulong pageSizes)
    {
        lock (_lock) return _mappings ?? new MappingTable(Math.Min(SmallestPage(pageSizes), HostPageSize));
    }

    /// <summary>Lets a domain translate by this table: every area is entered, or nothing changes (Linux: iopt_table_add_domain).</summary>
    internal Errno AddDomain(PagingDomain domain)
    {
        lock (_lock)
        {
            ulong alignment = Math.Max(SmallestPage(domain.PageSizes), _alignment);
            if (alignment > HostPageSize) return Errno.EINVAL;
            if (alignment != _alignment && !AllAligned(alignment)) return Errno.EADDRINUSE;
            List<IovaRange> outside = [.. Spans.Holes(IovaRange.All, (first, last) =>
                domain.Aperture.Overlaps(new IovaRange(first, last)) ? domain.Aperture : null)];
            if (outside.Exists(r => _areas.Overlaps(r.First, r.Last) || _allowed.Exists(r.Overlaps))) return Errno.EADDRINUSE;

            if (_mappings is null)
            {
                Area[] areas = [.. Areas];
                Errno errno = Populate(areas);
                if (errno != Errno.None) return errno;
                _mappings = domain.Mappings;
                foreach (Area area in areas) Enter(area);
            }

            foreach (IovaRange range in outside) _reserved.Add(range, domain);
            _domains.Add(domain);
            _alignment = alignment;
            return Errno.None;
        }
    }

    /// <summary>The domain is no longer attached anywhere and goes away.</summary>
    internal void RemoveDomain(PagingDomain domain)
    {
        lock (_lock)
        {
            _domains.Remove(domain);
            _reserved.RemoveOwner(domain);
            if (_domains.Count == 0)
            {
                Area[] areas = [.. Areas];
                _mappings!.Unmap([.. areas.Select(a => a.Mapping)]);
                foreach (Area area in areas) area.Mapping = 0;
                _mappings = null;
            }

            UpdateAlignment();
        }
    }

    /// <summary>Begins or ends recording what devices write through a domain. It begins with all pages clean.</summary>
    internal void SetDirtyTracking(PagingDomain domain, bool enable)
    {
        lock (_lock) domain.SetDirtyTracking(enable);
    }

    /// <summary>
    /// Tells what was written through a domain, from the range's first byte on up to where nothing is mapped any more, and forgets it if
    /// <paramref name="clear"/>.
    /// </summary>
    internal void TakeDirty(PagingDomain domain, IovaRange range, bool clear, DirtyBitmap.Run found)
    {
        lock (_lock)
        {
            for (ulong at = range.First; _areas.TryFind(at, out Area? area);)
            {
                ulong last = Math.Min(range.Last, area.Range.Last);
                domain.Dirty?.Take(at, last, clear, found);
                if (last == range.Last) return;
                at = last + 1;
            }
        }
    }

    /// <summary>Reserves what a device cannot use; refused when something is mapped or allowed there.</summary>
    internal Errno Reserve(Endpoint endpoint, object owner)
    {
        lock (_lock)
        {
            IReadOnlyList<IovaRange> ranges = endpoint.Unit.ReservedRegions(endpoint);
            foreach (IovaRange range in ranges)
                if (_areas.Overlaps(range.First, range.Last) || _allowed.Exists(range.Overlaps)) return Errno.EADDRINUSE;
            foreach (IovaRange range in ranges) _reserved.Add(range, owner);
            return Errno.None;
        }
    }

    internal void Unreserve(object owner)
    {
        lock (_lock) _reserved.RemoveOwner(owner);
    }

    /// <summary>IOMMU_OPTION_HUGE_PAGES. Cannot be switched off while domains have something mapped.</summary>
    internal Errno SetLargePages(bool enable)
    {
        lock (_lock)
        {
            if (!enable && !_largePagesDisabled)
            {
                if (_domains.Count > 0 && _areas.Count > 0) return Errno.EINVAL;
                if (_alignment < HostPageSize && !AllAligned(HostPageSize)) return Errno.EADDRINUSE;
            }

            _largePagesDisabled = !enable;
            UpdateAlignment();
            return Errno.None;
        }
    }

    private bool CanCut(ulong last) => !_areas.TryFind(last, out Area? area) || area.CanSplit(last, _alignment);

    private void CutAfter(ulong last)
    {
        if (!_areas.TryFind(last, out Area? whole) || whole.IsEdge(last)) return;
        var below = new Area(new IovaRange(whole.Range.First, last), whole.Backing, whole.Offset, whole.Access);
        var above = new Area(new IovaRange(last + 1, whole.Range.Last), whole.Backing, whole.Offset + below.Range.Length, whole.Access);
        whole.Backing.AddReference();
        if (_mappings is not null) (below.Mapping, above.Mapping) = _mappings.Split(whole.Mapping, last);
        _areas.Remove(whole.Range.First);
        _areas.Add(below.Range.First, below.Range.Last, below);
        _areas.Add(above.Range.First, above.Range.Last, above);
    }

    private IEnumerable<Area> Areas => _areas.All().Select(e => e.Value);

    private static ulong SmallestPage(ulong pageSizes) => 1UL << BitOperations.TrailingZeroCount(pageSizes);

    private IovaRange? NextUsed(ulong first, ulong last)
    {
        IovaRange? used = _reserved.FindFirst(first, last);
        if (_areas.TryFindFirst(first, last, out RangeMap<Area>.Entry entry) && !(used?.First <= entry.First))
            used = entry.Value.Range;
        return used;
    }

    private Errno CheckFree(ulong first, ulong length)
    {
        if ((first & (_alignment - 1)) != 0) return Errno.EINVAL;
        if (!new Iova(first).TryLast(length, out Iova last)) return Errno.EOVERFLOW;
        if (_reserved.Overlaps(new IovaRange(first, last.Value))) return Errno.EINVAL;
        return _areas.Overlaps(first, last.Value) ? Errno.EEXIST : Errno.None;
    }

    private static Errno Populate(IEnumerable<Area> areas)
    {
        foreach (Area area in areas)
        {
            if (!area.Backing.TryPopulate()) return area.Backing.IsFile ? Errno.EINVAL : Errno.EFAULT;

            // VFIO's map takes no access at all for an answer; the page table of a unit has no such entry.
            if (area.Access == MapAccess.None) return Errno.EINVAL;
        }

        return Errno.None;
    }

    private void Enter(Area area) => area.Mapping = _mappings!.Map(area.Range, area.Backing, area.Offset, area.Access);

    private bool AllAligned(ulong alignment) => Areas.All(a => a.IsAligned(alignment));

    // Linux computes it anew from the domains that are left; ours never falls below the page of the table they share.
    private void UpdateAlignment()
    {
        ulong alignment = _largePagesDisabled ? HostPageSize : 1;
        foreach (PagingDomain domain in _domains)
            alignment = Math.Max(Math.Max(alignment, SmallestPage(domain.PageSizes)), _mappings!.PageSize);
        _alignment = alignment;
    }
}
