using System.Numerics;
using Ioasis.Abi;
using Ioasis.Core.Domains;
using Ioasis.Core.Iovas;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Mapping;

/// <summary>The domains that translate by this table, and the alignment that they make mappings have.</summary>
internal sealed partial class IoPageTable
{
    /// <summary>
    /// The table of mappings for a domain that is being made: the one that the domains of this IOAS share, or a new
    /// one.
    /// </summary>
    internal MappingTable MappingsFor(ulong pageSizes)
    {
        using (_lock.Enter())
            return _mappings ?? new MappingTable(Math.Min(SmallestPage(pageSizes), HostPageSize), this);
    }

    /// <summary>
    /// Makes a domain use this table: enters every area, or changes nothing (Linux: iopt_table_add_domain).
    /// </summary>
    internal Errno AddDomain(PagingDomain domain)
    {
        HashSet<Pages>? missing = HasDomain ? null : BringAll();
        using (_lock.Enter())
        {
            ulong alignment = Math.Max(SmallestPage(domain.PageSizes), _alignment);
            if (alignment > HostPageSize)
                return Errno.EINVAL.Because(
                    $"the IOMMU's smallest page, 0x{alignment:x} bytes, is larger than the host's page "
                        + $"of 0x{HostPageSize:x}");
            if (alignment != _alignment && !_areas.AreAligned(alignment))
                return Errno.EADDRINUSE.Because(
                    $"a mapping of the IOAS is not aligned to 0x{alignment:x} bytes, the IOMMU's smallest page");
            List<IovaRange> outside = [.. IovaSpans.Outside(domain.Aperture)];
            if (outside.Exists(r => _areas.Overlaps(r.First, r.Last) || _allowed.Exists(r.Overlaps)))
                return Errno.EADDRINUSE.Because(
                    $"the IOAS has mappings or allowed IOVAs beyond "
                        + $"0x{domain.Aperture.First:x}-0x{domain.Aperture.Last:x}");

            if (domain.IsWritableOnly && _areas.HasReadOnly)
                return Errno.EINVAL.Because("the IOAS has a read-only mapping, which this page table cannot have");
            if (_mappings is null)
            {
                Errno errno = Fill(_areas.ToObjects(), domain.Mappings, missing);
                if (errno != Errno.None) return errno;
                _mappings = domain.Mappings;
            }

            foreach (IovaRange range in outside) _reserved.Add(range, domain);
            _domains.Add(domain);
            _alignment = alignment;
            return Errno.None;
        }
    }

    // For the first domain. Memory that is mapped meanwhile is faulted in when a device accesses it.
    private HashSet<Pages>? BringAll()
    {
        List<PagesSlice> slices = [];
        using (_lock.Enter())
        {
            foreach (Area area in _areas.ToObjects())
            {
                area.Pages.AddReference();
                slices.Add(new PagesSlice(area.Pages, area.Offset, area.Range.Length));
            }
        }

        HashSet<Pages>? missing = null;
        foreach (PagesSlice slice in slices)
        {
            if (!slice.Pages.TryBring(slice.Offset, slice.Length)) (missing ??= []).Add(slice.Pages);
            slice.Pages.Release();
        }

        return missing;
    }

    /// <summary>Removes a domain, which is no longer attached anywhere.</summary>
    internal void RemoveDomain(PagingDomain domain)
    {
        using (_lock.Enter())
        {
            _domains.Remove(domain);
            _reserved.RemoveOwner(domain);
            if (_domains.Count == 0)
            {
                var batch = new UnmapBatch(); // the areas themselves stay
                foreach (Area area in _areas.ToObjects()) batch.Add(area);
                batch.TakeFrom(_mappings);
                _mappings = null;
                Settle();
            }

            UpdateAlignment();
        }
    }

    /// <summary>Starts or stops recording writes through a domain. It starts with all pages clean.</summary>
    internal void SetDirtyTracking(PagingDomain domain, bool enable)
    {
        using (_lock.Enter()) domain.SetDirtyTracking(enable);
    }

    /// <summary>
    /// Reports the writes through a domain from the range's first byte up to the first hole, and forgets them if
    /// <paramref name="clear"/> is set.
    /// </summary>
    internal void TakeDirty(PagingDomain domain, IovaRange range, bool clear, DirtyBitmap.Run found)
    {
        using (_lock.Enter())
        {
            for (ulong at = range.First; _areas.TryFindRange(at, out IovaRange area);)
            {
                ulong last = Math.Min(range.Last, area.Last);
                domain.Dirty?.Take(at, last, clear, found);
                if (last == range.Last) return;
                at = last + 1;
            }
        }
    }

    /// <summary>
    /// Shows the writes through a domain since they were last taken, and takes none. No lock is held: what is mapped
    /// or unmapped meanwhile may be shown or not.
    /// </summary>
    /// <param name="domain">The domain.</param>
    /// <param name="range">The addresses.</param>
    /// <param name="found">Takes a run of dirty addresses, both ends inclusive, in ascending order.</param>
    /// <returns>False if writes are not recorded now.</returns>
    internal static bool ShowDirty(PagingDomain domain, IovaRange range, Action<ulong, ulong> found)
    {
        if (domain.Dirty is not { } dirty) return false;
        dirty.Take(range.First, range.Last, clear: false, found.Invoke);
        return true;
    }

    /// <summary>IOMMU_OPTION_HUGE_PAGES. Cannot be switched off while domains have mappings.</summary>
    internal Errno SetLargePages(bool enable)
    {
        using (_lock.Enter())
        {
            if (!enable && !_largePagesDisabled && _domains.Count > 0 && _areas.Count > 0)
                return Errno.EINVAL.Because(
                    "large pages are turned off only while the IOAS has no mapping or no page table");
            bool disabled = _largePagesDisabled;
            _largePagesDisabled = !enable;
            Errno errno = UpdateAlignment();
            if (errno != Errno.None) _largePagesDisabled = disabled;
            return errno;
        }
    }

    /// <summary>
    /// Computes the alignment of mappings anew (Linux: iopt_calculate_iova_alignment). Refused, with nothing changed,
    /// if some mapping lacks it. Unlike Linux's, it never falls below the page size of the domains' shared table.
    /// </summary>
    private Errno UpdateAlignment()
    {
        ulong alignment = _largePagesDisabled ? HostPageSize : 1;
        foreach (PagingDomain domain in _domains)
            alignment = Math.Max(Math.Max(alignment, SmallestPage(domain.PageSizes)), _mappings!.PageSize);
        foreach (IommufdAccess access in _accesses) alignment = Math.Max(alignment, access.Alignment);
        if (alignment > _alignment && !_areas.AreAligned(alignment))
            return Errno.EADDRINUSE.Because($"a mapping of the IOAS is not aligned to 0x{alignment:x} bytes");
        _alignment = alignment;
        return Errno.None;
    }

    private static ulong SmallestPage(ulong pageSizes) => 1UL << BitOperations.TrailingZeroCount(pageSizes);
}
