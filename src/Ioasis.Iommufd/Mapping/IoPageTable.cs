using Ioasis.Abi;
using Ioasis.Core.Domains;
using Ioasis.Core.Iovas;
using Ioasis.Core.Observation;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using Ioasis.Memory.Threads;

namespace Ioasis.Iommufd.Mapping;

/// <summary>
/// The mappings of one IOAS (Linux: struct io_pagetable): areas of IOVAs and the memory behind them, reserved and
/// allowed ranges, and the domains that use them. Without a domain it is only bookkeeping: memory is neither checked
/// nor held, and any alignment is accepted.
/// </summary>
/// <param name="budget">Charged for the memory that the mappings take.</param>
/// <param name="space">The IOAS.</param>
/// <param name="observers">The observers of the machine. Each area is told, with or without a domain.</param>
internal sealed partial class IoPageTable(MemoryBudget budget, object space, Observers observers)
    : IMappingSource, IMapTotals
{
    /// <summary>The host's page size in bytes (PAGE_SIZE). No mapping ever needs a larger alignment.</summary>
    internal const ulong HostPageSize = IovaAllocator.HostPageSize;

    // Guards everything below. Taken after a group's attach lock and an access's. The lock of pages and a mapping
    // table's are taken within it. Only ChangeProcess locks several IoPageTables together.
    private readonly RankedLock _lock = new(LockRank.IoPageTable);
    private readonly AreaMap _areas = new();
    private readonly ReservedIovas _reserved = new();
    private readonly List<PagingDomain> _domains = [];
    private readonly List<IommufdAccess> _accesses = [];
    private List<IovaRange> _allowed = [];
    private MappingTable? _mappings;
    private bool _largePagesDisabled;
    private ulong _alignment = 1;

    /// <summary>Whether a mapping may use pages larger than the host's (IOMMU_OPTION_HUGE_PAGES).</summary>
    internal bool LargePages
    {
        get { using (_lock.Enter()) return !_largePagesDisabled; }
    }

    /// <summary>
    /// The page sizes that all domains support, from the host's page on, one bit each; all sizes without a domain
    /// (Linux: iommufd_get_pagesizes).
    /// </summary>
    internal ulong PageSizes
    {
        get
        {
            using (_lock.Enter())
            {
                ulong sizes = _domains.Aggregate(ulong.MaxValue, (common, domain) => common & domain.PageSizes);
                if ((sizes & (HostPageSize - 1)) != 0) sizes = (sizes & ~(HostPageSize - 1)) | HostPageSize;
                return Math.Max(sizes, _alignment);
            }
        }
    }

    /// <summary>Alignment of IOVA, length and memory of new mappings, in bytes.</summary>
    internal ulong Alignment
    {
        get { using (_lock.Enter()) return _alignment; }
    }

    /// <summary>
    /// Maps slices one after the other at <paramref name="iova"/>, or where they fit if <paramref name="choose"/> is
    /// set.
    /// </summary>
    /// <remarks>
    /// On success the table takes over the slices' references. On failure the caller keeps them and nothing has
    /// changed. Waits for missing memory on the calling thread, with no lock held.
    /// </remarks>
    internal Errno Map(ReadOnlySpan<PagesSlice> slices, ulong length, bool choose, MapAccess access, ref ulong iova)
    {
        Errno missing = HasDomain ? Bring(slices) : Errno.None;
        using (_lock.Enter())
        {
            if (length == 0 || (length & (_alignment - 1)) != 0)
                return Errno.EINVAL.Because(
                    $"the length is 0x{length:x}; it must be a multiple of 0x{_alignment:x}, and not 0");
            ulong first = iova;
            Errno errno = choose
                ? IovaAllocator.Allocate(
                    slices[0].AlignmentHint, length, _alignment, _allowed, NextUsed, out first).ToErrno()
                : CheckFree(first, length);
            if (errno != Errno.None) return errno;

            Area? one = null;
            Span<Area> areas = slices.Length == 1 ? new Span<Area>(ref one!) : new Area[slices.Length];
            ulong at = first;
            for (int i = 0; i < areas.Length; i++)
            {
                PagesSlice slice = slices[i];
                if ((access & MapAccess.Write) != 0 && !slice.Pages.Backing.Writable)
                    return Errno.EPERM.Because("a mapping for writing needs memory that the program can write");
                if ((slice.AlignmentHint & (HostPageSize - 1) & (_alignment - 1)) != 0)
                    return Errno.EINVAL.Because(
                        $"the memory at 0x{slice.AlignmentHint:x} is not aligned to 0x{_alignment:x} bytes");
                areas[i] = new Area(new IovaRange(at, at + slice.Length - 1), slice.Pages, slice.Offset, access);
                at += slice.Length;
            }

            if (_mappings is not null)
            {
                if ((access & MapAccess.Write) == 0 && _domains.Exists(d => d.IsWritableOnly))
                    return Errno.EINVAL.Because("a page table of this IOAS cannot have read-only mappings");
                errno = missing == Errno.None ? Fill(areas, _mappings, null) : missing;
                if (errno != Errno.None) return errno;
            }

            foreach (Area area in areas) _areas.Add(area);
            if (!IsCovered(Used))
            {
                TakeBack(areas);
                return Errno.ENOMEM.Because("the program may not make Ioasis hold more memory");
            }

            if (observers.Want(EventKinds.Map))
                foreach (Area area in areas)
                    TellMap(area.Range, access, MappedMemory.Of(area.Pages.Backing, area.Offset));

            iova = first;
            return Errno.None;
        }
    }

    private void TellMap(IovaRange range, MapAccess access, MappedMemory memory)
    {
        if (observers.Want(EventKinds.Map))
            observers.Tell(new MapEvent(observers.Stamp(), space, range, access, memory));
    }

    private void TellUnmap(IovaRange range)
    {
        if (observers.Want(EventKinds.Unmap)) observers.Tell(new UnmapEvent(observers.Stamp(), space, range));
    }

    /// <summary>Takes out areas that were just added. The caller keeps their references.</summary>
    private void TakeBack(ReadOnlySpan<Area> areas)
    {
        var batch = new UnmapBatch();
        foreach (Area area in areas)
        {
            _areas.Remove(area);
            batch.Add(area);
        }

        batch.TakeFrom(_mappings);
        foreach (PagingDomain domain in _domains)
            if (domain.Dirty is { } dirty) batch.Forget(dirty);
    }

    /// <summary>
    /// The memory behind a range without holes, with a reference for each slice. For a copy to another table.
    /// </summary>
    internal Errno GetSlices(ulong iova, ulong length, out List<PagesSlice> slices)
    {
        slices = [];
        if (length == 0) return Errno.EINVAL.Because("the length is 0");
        if (!new Iova(iova).TryLast(length, out Iova end))
            return Errno.EOVERFLOW.Because($"IOVA 0x{iova:x} + length 0x{length:x} exceeds 64 bits");
        using (_lock.Enter())
        {
            List<PagesSlice> found = [];
            for (ulong at = iova; ;)
            {
                if (!_areas.TryFind(at, out Area? area))
                    return Errno.ENOENT.Because($"nothing is mapped at IOVA 0x{at:x}");
                ulong last = Math.Min(end.Value, area.Range.Last);
                found.Add(new PagesSlice(area.Pages, area.OffsetAt(at), last - at + 1));
                if (last == end.Value) break;
                at = last + 1;
            }

            foreach (PagesSlice slice in found) slice.Pages.AddReference();
            slices = found;
            return Errno.None;
        }
    }

    /// <inheritdoc/>
    public object Space => space;

    /// <inheritdoc/>
    public bool TryShow(ulong address, out IovaRange range, out MemoryLocation? location)
    {
        using (_lock.Enter())
        {
            (range, location) = (default, null);
            RangeMap<AreaSlot>.Run found = _areas.FindRun(address, address);
            if (found.Count == 0) return false;
            range = new IovaRange(found.First(0), found.Last(0));
            AreaSlot slot = found.Value(0);
            if (_areas.PlainOf(slot) is { } plain)
            {
                location = plain.LocationOf(slot.Address + (address - range.First));
                return true;
            }

            Area area = _areas.AreaOf(slot)!;
            if (!area.IsEntered) return false;
            if (area.Pages.Backing.TryLocate(area.OffsetAt(address), out MemoryLocation there)) location = there;
            return true;
        }
    }

    private bool HasDomain
    {
        get { using (_lock.Enter()) return _mappings is not null; }
    }

    private static Errno Bring(ReadOnlySpan<PagesSlice> slices)
    {
        foreach (PagesSlice slice in slices)
            if (!slice.Pages.TryBring(slice.Offset, slice.Length)) return slice.Pages.Missing;
        return Errno.None;
    }

    private IovaRange? NextUsed(ulong first, ulong last)
    {
        IovaRange? used = _reserved.FindFirst(first, last);
        RangeMap<AreaSlot>.Run areas = _areas.FindRun(first, last);
        if (areas.Count != 0 && !(used?.First <= areas.First(0))) used = new IovaRange(areas.First(0), areas.Last(0));
        return used;
    }

    private Errno CheckFree(ulong first, ulong length)
    {
        if ((first & (_alignment - 1)) != 0)
            return Errno.EINVAL.Because($"IOVA 0x{first:x} is not a multiple of 0x{_alignment:x}");
        if (!new Iova(first).TryLast(length, out Iova last))
            return Errno.EOVERFLOW.Because($"IOVA 0x{first:x} + length 0x{length:x} exceeds 64 bits");
        if (_reserved.Overlaps(new IovaRange(first, last.Value)))
            return Errno.EINVAL.Because(
                $"0x{first:x}-0x{last.Value:x} overlaps a reserved range; IOMMU_IOAS_IOVA_RANGES lists "
                    + $"the usable ones");
        return _areas.Overlaps(first, last.Value)
            ? Errno.EEXIST.Because($"something in 0x{first:x}-0x{last.Value:x} is mapped already")
            : Errno.None;
    }

    /// <summary>
    /// Pins areas and enters them in the domains' table: all of them, or nothing changes. ENOMEM if there is no memory
    /// for the table. Only the first of several areas is known to begin at a page; another one that does not gives
    /// ENXIO, as from Linux's page tables.
    /// </summary>
    /// <param name="areas">The areas.</param>
    /// <param name="mappings">The table to enter them in.</param>
    /// <param name="missing">Memory that could not be faulted in.</param>
    private Errno Fill(ReadOnlySpan<Area> areas, MappingTable mappings, HashSet<Pages>? missing)
    {
        for (int i = 0; i < areas.Length; i++)
        {
            Errno errno = missing?.Contains(areas[i].Pages) == true
                ? areas[i].Pages.Missing
                : areas[i].Pages.Pin(areas[i]);
            if (errno == Errno.None && (areas[i].Range.First & (mappings.PageSize - 1)) != 0)
            {
                areas[i].Pages.Unpin(areas[i]);
                errno = Errno.ENXIO.Because(
                    $"IOVA 0x{areas[i].Range.First:x} is not at a page of the IOMMU's, 0x{mappings.PageSize:x} bytes");
            }

            if (errno == Errno.None) continue;
            while (--i >= 0) areas[i].Pages.Unpin(areas[i]);
            return errno;
        }

        for (int i = 0; i < areas.Length; i++)
        {
            areas[i].Pages.Enter(areas[i], mappings);
            if (IsCovered(UsedWith(mappings))) continue;
            var batch = new UnmapBatch();
            foreach (Area area in areas[..(i + 1)]) batch.Add(area);
            batch.TakeFrom(mappings);
            while (++i < areas.Length) areas[i].Pages.Unpin(areas[i]);
            return Errno.ENOMEM.Because("the program may not make Ioasis hold more memory");
        }

        return Errno.None;
    }
}
