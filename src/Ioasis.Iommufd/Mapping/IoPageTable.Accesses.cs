using Ioasis.Abi;
using Ioasis.Core.Domains;
using Ioasis.Core.Observation;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Mapping;

/// <summary>Operations of drivers that use the IOAS's memory themselves instead of letting a device do it.</summary>
internal sealed partial class IoPageTable
{
    /// <summary>
    /// Registers an access, which is told of unmaps from here on. Refused if some mapping lacks the alignment that it
    /// needs.
    /// </summary>
    internal Errno AddAccess(IommufdAccess access)
    {
        using (_lock.Enter())
        {
            _accesses.Add(access);
            Errno errno = UpdateAlignment();
            if (errno != Errno.None) _accesses.Remove(access);
            return errno;
        }
    }

    internal void RemoveAccess(IommufdAccess access)
    {
        using (_lock.Enter())
        {
            _accesses.Remove(access);
            UpdateAlignment();
        }
    }

    /// <summary>Pins a range without holes, all of it or nothing.</summary>
    /// <param name="range">The range. It begins at a page.</param>
    /// <param name="write">Whether the pages will be written, not only read.</param>
    /// <param name="locked">Whether the pins prevent an unmap.</param>
    /// <param name="pages">The pages, in ascending order.</param>
    internal Errno Pin(IovaRange range, bool write, bool locked, List<PinnedPage> pages)
    {
        using (_lock.Enter())
        {
            for (ulong at = range.First; ;)
            {
                Errno errno = PinIn(at, range.Last, write, locked, pages, out ulong last);
                if (errno != Errno.None)
                {
                    if (at != range.First) Unpin(new IovaRange(range.First, at - 1), locked);
                    pages.Clear();
                    return errno;
                }

                if (last == range.Last) return Errno.None;
                at = last + 1;
            }
        }
    }

    /// <summary>Undoes a <see cref="Pin"/> of the same range.</summary>
    /// <returns>False, with nothing changed, if the range is not pinned.</returns>
    internal bool Unpin(IovaRange range, bool locked)
    {
        using (_lock.Enter())
        {
            List<(Area Area, ulong First, ulong Last)> parts = [];
            for (ulong at = range.First; ;)
            {
                if (!_areas.TryFind(at, out Area? area)) return false;
                ulong last = Math.Min(range.Last, area.Range.Last);
                ulong firstPage = area.Pages.PageOf(area.OffsetAt(at)),
                    lastPage = area.Pages.PageOf(area.OffsetAt(last));
                if (area.Accesses == 0 || (locked && area.Locks == 0) || !area.Pages.HasAccess(firstPage, lastPage))
                    return false;
                parts.Add((area, firstPage, lastPage));
                if (last == range.Last) break;
                at = last + 1;
            }

            foreach ((Area area, ulong first, ulong last) in parts)
            {
                area.Accesses--;
                if (locked) area.Locks--;
                area.Pages.RemoveAccess(first, last);
            }

            return true;
        }
    }

    /// <summary>Number of mappings. Read without the lock, so that nobody waits for a long call to map.</summary>
    public int MapCount => _areas.Count;

    /// <summary>Sum of the mappings' lengths in bytes, read likewise.</summary>
    public ulong MappedBytes => _areas.Bytes;

    /// <summary>What is mapped at an address; null for nothing.</summary>
    internal MappingView? Show(Iova iova)
    {
        using (_lock.Enter())
        {
            return _areas.TryFind(iova.Value, out Area? area)
                ? new MappingView(area.Range.First, area.Range.Last, area.Access)
                : null;
        }
    }

    /// <summary>
    /// Adds mappings to a list, in ascending order, from the one on that has or follows an address. The lock is held
    /// for these alone, so a caller that wants all of many asks again.
    /// </summary>
    /// <param name="from">The address; afterwards the one to go on from.</param>
    /// <param name="most">How many at most.</param>
    /// <param name="views">Gets them.</param>
    /// <returns>Whether there may be more.</returns>
    internal bool List(ref ulong from, int most, List<AreaView> views)
    {
        using (_lock.Enter())
        {
            for (int i = 0; i < most; i++)
            {
                if (!_areas.TryFindFirst(from, out RangeMap<AreaSlot>.Entry entry)) return false;
                (MapAccess access, MappedMemory memory) = Look(entry.Value);
                views.Add(new AreaView(new IovaRange(entry.First, entry.Last), access, memory));
                if (entry.Last == ulong.MaxValue) return false;
                from = entry.Last + 1;
            }

            return true;
        }
    }

    /// <summary>Adds mappings to runs, in ascending order. The lock is held for these alone.</summary>
    /// <param name="runs">Gets them, and knows where to go on.</param>
    /// <param name="most">How many at least, if there are more.</param>
    /// <returns>Whether there may be more.</returns>
    internal bool Collect(AreaRuns runs, int most)
    {
        using (_lock.Enter())
        {
            for (int added = 0; added < most;)
            {
                RangeMap<AreaSlot>.Run run = _areas.FindRun(runs.From, runs.Last);
                if (run.Count == 0) return false;
                for (int i = 0; i < run.Count; i++, added++)
                {
                    if (run.First(i) > runs.Last) return false;
                    (MapAccess access, MappedMemory memory) = Look(run.Value(i));
                    runs.Add(new IovaRange(run.First(i), run.Last(i)), access, memory);
                }

                ulong last = run.Last(run.Count - 1);
                if (last >= runs.Last) return false;
                runs.From = last + 1;
            }

            return true;
        }
    }

    private (MapAccess Access, MappedMemory Memory) Look(AreaSlot slot)
    {
        if (_areas.AreaOf(slot) is { } area)
            return (area.Access, MappedMemory.Of(area.Pages.Backing, area.Offset));
        PlainMemory plain = _areas.PlainOf(slot)!;
        return (plain.Access, plain.From(slot.Address));
    }

    /// <summary>Reads a range without holes.</summary>
    internal Errno Read(ulong iova, Span<byte> destination)
    {
        using (_lock.Enter())
        {
            while (true)
            {
                Errno errno = FindFor(iova, destination.Length, write: false, out Area? area, out int count);
                if (errno == Errno.None) errno = area!.Pages.Read(area.OffsetAt(iova), destination[..count]);
                if (errno != Errno.None || count == destination.Length) return errno;
                iova += (uint)count;
                destination = destination[count..];
            }
        }
    }

    /// <summary>Writes a range without holes. Bytes written before an error stay.</summary>
    internal Errno Write(ulong iova, ReadOnlySpan<byte> source)
    {
        using (_lock.Enter())
        {
            while (true)
            {
                Errno errno = FindFor(iova, source.Length, write: true, out Area? area, out int count);
                if (errno == Errno.None) errno = area!.Pages.Write(area.OffsetAt(iova), source[..count]);
                if (errno != Errno.None || count == source.Length) return errno;
                iova += (uint)count;
                source = source[count..];
            }
        }
    }

    /// <summary>
    /// Adds the runs of pages that are mapped here. Returns the number of pins of a page by areas that are not objects.
    /// </summary>
    internal int CollectPages(HashSet<Pages> pages, MemoryLocation page)
    {
        int pins = 0;
        using (_lock.Enter())
        {
            foreach (RangeMap<AreaSlot>.Entry entry in _areas.Slots)
            {
                if (_areas.AreaOf(entry.Value) is { } area) pages.Add(area.Pages);
                else if (_areas.PlainOf(entry.Value)!.Has(entry.Value.Address, entry.Last - entry.First, page)) pins++;
            }
        }

        return pins;
    }

    private IommufdAccess[] AccessesNow()
    {
        using (_lock.Enter()) return [.. _accesses];
    }

    private Errno PinIn(ulong iova, ulong end, bool write, bool locked, List<PinnedPage> pages, out ulong last)
    {
        last = 0;
        if (!_areas.TryFind(iova, out Area? area)) return Errno.ENOENT.Because($"nothing is mapped at IOVA 0x{iova:x}");
        last = Math.Min(end, area.Range.Last);

        // A page can be handed out only if it is a whole page of the memory; the very last one may be partial.
        bool aligned = area.InPage(iova) == 0 && (last == end || area.InPage(area.Range.Last) == HostPageSize - 1);
        if (area.PreventAccess || !aligned)
            return Errno.EINVAL.Because(
                $"the mapping at IOVA 0x{iova:x} is being unmapped, or its ends are not at pages of its memory");
        if (!Permits(area, write) || (write && !area.Pages.Backing.Writable))
            return Errno.EPERM.Because(
                $"the mapping at IOVA 0x{iova:x} does not permit {(write ? "writing" : "reading")}");
        if (area.Pages.IsDmaBuf)
            return Errno.EINVAL.Because(
                $"the mapping at IOVA 0x{iova:x} is of a dma-buf, whose pages cannot be pinned");

        ulong firstPage = area.Pages.PageOf(area.OffsetAt(iova)), lastPage = area.Pages.PageOf(area.OffsetAt(last));
        Errno errno = area.Pages.AddAccess(firstPage, lastPage);
        if (errno != Errno.None) return errno;
        for (ulong page = firstPage; page <= lastPage; page++)
        {
            ulong offset = area.Pages.OffsetOf(page);
            if (!area.Pages.Backing.TryLocate(offset, out MemoryLocation location))
            {
                area.Pages.RemoveAccess(firstPage, lastPage); // the memory has just been taken away
                return Errno.EFAULT.Because($"the memory that is mapped at IOVA 0x{iova:x} is gone");
            }

            pages.Add(new PinnedPage(area.Pages.Backing, offset, location));
        }

        area.Accesses++;
        if (locked) area.Locks++;
        return Errno.None;
    }

    private Errno FindFor(ulong iova, int wanted, bool write, out Area? area, out int count)
    {
        count = 0;
        if (!_areas.TryFind(iova, out area)) return Errno.ENOENT.Because($"nothing is mapped at IOVA 0x{iova:x}");
        if (area.PreventAccess) return Errno.EINVAL.Because($"the mapping at IOVA 0x{iova:x} is being unmapped");
        if (!Permits(area, write))
            return Errno.EPERM.Because(
                $"the mapping at IOVA 0x{iova:x} does not permit {(write ? "writing" : "reading")}");
        count = (int)Math.Min((ulong)wanted - 1, area.Range.Last - iova) + 1;
        return Errno.None;
    }

    private static bool Permits(Area area, bool write) =>
        (area.Access & (write ? MapAccess.Write : MapAccess.Read)) != 0;
}
