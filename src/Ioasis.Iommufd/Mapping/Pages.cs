using Ioasis.Abi;
using Ioasis.Core.Domains;
using Ioasis.Memory;
using Ioasis.Memory.Threads;

namespace Ioasis.Iommufd.Mapping;

/// <summary>
/// A run of memory that areas map (Linux: struct iopt_pages). Areas of any IOAS of the context share it if they were
/// copied from one another. It knows its pinned pages: those that an area with a domain covers, and those that a driver
/// pinned. A page is pinned and charged for once, however many cover it.
/// </summary>
/// <remarks>Page 0 is the page with the run's first byte.</remarks>
internal class Pages(MemoryBacking backing, PinOwner owner)
{
    // Guards what follows.
    private readonly RankedLock _lock = new(LockRank.Pages);
    private PageCounts _counts; // a value type: do not copy it
    private Dictionary<(ulong First, ulong Last), int>? _accesses;
    private PinOwner _owner = owner;
    private int _references = 1;

    /// <summary>The memory. Its one reference belongs to this object.</summary>
    internal MemoryBacking Backing => backing;

    /// <summary>Whether it is a dma-buf, which is never charged for, pinned by drivers, or cut.</summary>
    internal virtual bool IsDmaBuf => false;

    /// <summary>Whether an area of it may permit devices nothing, and devices are attached all the same.</summary>
    internal bool AllowsNoAccess { get; init; }

    /// <summary>Number of pinned pages.</summary>
    internal ulong Pinned
    {
        get { using (_lock.Enter()) return _counts.Covered; }
    }

    /// <summary>Bytes of its first page that lie before the run.</summary>
    internal ulong OffsetInPage => backing.AlignmentHint & (IoPageTable.HostPageSize - 1);

    /// <summary>Takes one more reference. The caller holds one already.</summary>
    internal void AddReference() => Interlocked.Increment(ref _references);

    /// <summary>Releases a reference; the last release gives the memory back.</summary>
    internal void Release()
    {
        if (Interlocked.Decrement(ref _references) == 0) Backing.Release();
    }

    /// <summary>
    /// Faults in bytes that are about to be pinned, unless they are pinned, and waits for them. The caller holds no
    /// lock. False if they cannot be provided.
    /// </summary>
    internal bool TryBring(ulong offset, ulong length) =>
        AreAllPinned(offset, length) || backing.TryBring(offset, length);

    /// <summary>Pins the pages of an area, before its first domain gets it.</summary>
    internal virtual Errno Pin(Area area)
    {
        using (_lock.Enter())
        {
            Errno errno = Populate(area.FirstPage, area.LastPage, out ulong added);
            if (errno != Errno.None) return errno;

            // VFIO's map accepts a mapping without any access, but a unit's page table has no such entry.
            if (area.Access == MapAccess.None && !AllowsNoAccess)
                return Errno.EINVAL.Because("a mapping in an IOMMU's page table must be readable or writable");
            errno = _owner.Charge(added);
            if (errno == Errno.None) _counts.Add(area.FirstPage, area.LastPage);
            return errno;
        }
    }

    /// <summary>Records that an area is pinned and charged for, before anybody else knows these pages.</summary>
    internal void AdoptPin(Area area)
    {
        using (_lock.Enter()) _counts.Add(area.FirstPage, area.LastPage);
    }

    /// <summary>Undoes <see cref="Pin"/>, after the last domain has lost the area.</summary>
    internal virtual void Unpin(Area area)
    {
        using (_lock.Enter()) Uncover(area.FirstPage, area.LastPage);
    }

    /// <summary>Replaces the pin of an area by those of its two parts.</summary>
    internal void Split(Area whole, Area below, Area above)
    {
        using (_lock.Enter())
        {
            _counts.Add(below.FirstPage, below.LastPage);
            _counts.Add(above.FirstPage, above.LastPage);
            _counts.Remove(whole.FirstPage, whole.LastPage);
        }
    }

    /// <summary>Enters a pinned area in the table that domains use.</summary>
    internal virtual void Enter(Area area, MappingTable mappings)
    {
        mappings.Map(area.Range, Backing, area.Offset, area.Access);
        area.IsEntered = true;
    }

    /// <summary>Pins pages for a driver. The same range can be pinned repeatedly.</summary>
    internal Errno AddAccess(ulong first, ulong last)
    {
        using (_lock.Enter())
        {
            int users = 0;
            if (_accesses is null || !_accesses.TryGetValue((first, last), out users))
            {
                Errno errno = Populate(first, last, out ulong added);
                if (errno == Errno.None) errno = _owner.Charge(added);
                if (errno != Errno.None) return errno;
                _counts.Add(first, last);
            }

            (_accesses ??= [])[(first, last)] = users + 1;
            return Errno.None;
        }
    }

    /// <summary>Whether a driver has pinned exactly this range.</summary>
    internal bool HasAccess(ulong first, ulong last)
    {
        using (_lock.Enter()) return _accesses is not null && _accesses.ContainsKey((first, last));
    }

    /// <summary>Undoes one <see cref="AddAccess"/> of the same range.</summary>
    internal void RemoveAccess(ulong first, ulong last)
    {
        using (_lock.Enter())
        {
            if (--_accesses![(first, last)] != 0) return;
            _accesses.Remove((first, last));
            Uncover(first, last);
        }
    }

    /// <summary>Copies bytes out for a driver that has pinned nothing (Linux: iopt_pages_rw_access).</summary>
    internal Errno Read(ulong offset, Span<byte> destination)
    {
        if (IsDmaBuf) return Errno.EINVAL.Because("the memory is a dma-buf, which drivers do not read");
        return Backing.TryReadNow(offset, destination)
            || (AreAllPinned(offset, (uint)destination.Length) && Backing.TryRead(offset, destination))
            ? Errno.None : Missing;
    }

    /// <summary>Copies bytes in for a driver that has pinned nothing.</summary>
    internal Errno Write(ulong offset, ReadOnlySpan<byte> source)
    {
        if (!Backing.Writable) return Errno.EPERM.Because("the memory cannot be written");
        if (IsDmaBuf) return Errno.EINVAL.Because("the memory is a dma-buf, which drivers do not write");
        return Backing.TryWriteNow(offset, source)
            || (AreAllPinned(offset, (uint)source.Length) && Backing.TryWrite(offset, source))
            ? Errno.None : Missing;
    }

    /// <summary>Number of pinned pages of this run that are the given page of memory: mostly none or one.</summary>
    internal int CountPins(MemoryLocation page)
    {
        if (Pinned == 0) return 0;
        page = page with { Offset = page.Offset & ~(IoPageTable.HostPageSize - 1) };

        // The run's pages that contain the page's first byte; or, as the run may begin within its first page, the byte
        // at the same offset.
        var byteInFirst = page with { Offset = page.Offset + OffsetInPage };
        HashSet<ulong> found = [.. Backing.OffsetsOf(page).Select(PageOf)];
        if (OffsetInPage != 0 && Backing.OffsetsOf(byteInFirst).Contains(0UL)) found.Add(0);
        using (_lock.Enter()) return found.Count(p => _counts.Covers(p));
    }

    /// <summary>Number of the page with a byte of the run.</summary>
    internal ulong PageOf(ulong offset) => (OffsetInPage + offset) / IoPageTable.HostPageSize;

    /// <summary>Offset of the first byte of a page that belongs to the run.</summary>
    internal ulong OffsetOf(ulong page) => page == 0 ? 0 : page * IoPageTable.HostPageSize - OffsetInPage;

    /// <summary>The pages to charge to a new owner: 0 if it owns this run already.</summary>
    internal ulong PinnedFor(PinOwner next, out PinAccounting accounting)
    {
        using (_lock.Enter())
        {
            accounting = _owner.Accounting;
            return IsOwner(next) ? 0 : _counts.Covered;
        }
    }

    /// <summary>
    /// Changes the owner, who has been charged already. The kind of accounting (user, process or none) stays.
    /// </summary>
    internal void ChangeOwner(PinOwner next)
    {
        using (_lock.Enter())
        {
            if (!IsOwner(next)) _owner.Uncharge(_counts.Covered);
            _owner = next with { Accounting = _owner.Accounting };
        }
    }

    /// <summary>The errno for missing memory (Linux: memfd_pin_folios, pin_user_pages).</summary>
    internal Errno Missing => Backing.IsFile
        ? Backing.Lack switch
        {
            MemoryLack.HugePages => Errno.ENOMEM.Because("the host has no huge page left"),
            MemoryLack.Space => Errno.ENOSPC.Because("the file system of the mapped file is full"),
            _ => Errno.EINVAL.Because("the file ends before the mapping does")
        }
        : Errno.EFAULT.Because("the program has no memory of this access at the mapped addresses");

    /// <summary>Whether bytes are pinned. They are then present even if the process is gone.</summary>
    private bool AreAllPinned(ulong offset, ulong count)
    {
        using (_lock.Enter())
            return _counts.Covered != 0 && !_counts.Holes(PageOf(offset), PageOf(offset + count - 1)).Any();
    }

    private bool IsOwner(PinOwner next) =>
        _owner.Process == next.Process && (_owner.Accounting != PinAccounting.User || _owner.User == next.User);

    private void Uncover(ulong first, ulong last)
    {
        ulong before = _counts.Covered;
        _counts.Remove(first, last);
        _owner.Uncharge(before - _counts.Covered);
    }

    /// <summary>Makes pages usable that are not pinned yet; <paramref name="added"/> is their number.</summary>
    private Errno Populate(ulong first, ulong last, out ulong added)
    {
        added = 0;
        if (_counts.Covered == 0)
        {
            ulong start = OffsetOf(first);
            if (!Backing.TryPopulate(start, Math.Min(OffsetOf(last + 1), Backing.Length) - start)) return Missing;
            added = last - first + 1;
            return Errno.None;
        }

        foreach (IovaRange hole in _counts.Holes(first, last))
        {
            ulong from = OffsetOf(hole.First), end = Math.Min(OffsetOf(hole.Last + 1), Backing.Length);
            if (!Backing.TryPopulate(from, end - from)) return Missing;
            added += hole.Last - hole.First + 1;
        }

        return Errno.None;
    }
}
