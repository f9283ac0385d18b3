using Ioasis.Abi;
using Ioasis.Core;
using Ioasis.Iommufd.Files;
using Ioasis.Memory;
using Ioasis.Memory.Threads;

namespace Ioasis.Iommufd.Objects;

/// <summary>
/// Memory of units that a program can map through its /dev/iommu (Linux: struct iommufd_mmap). A region that is mapped
/// counts as a user of its owner.
/// </summary>
internal sealed class MmapRegions(ICarrier carrier)
{
    private const ulong PageSize = 4096;

    // Linux starts at the second page. Here the regions lie, as VFIO's do, above the offsets of ordinary files.
    private const ulong First = 1UL << 40, End = 1UL << 47;

    // Guards _regions, and whether they count as mapped. The carrier's lock and the object table's are taken within it.
    private readonly RankedLock _lock = new(LockRank.MmapRegions);
    private readonly SortedList<ulong, Region> _regions = [];

    /// <summary>Makes a region at the lowest free offset.</summary>
    /// <param name="owner">Its owner.</param>
    /// <param name="length">Bytes, a multiple of the page, not 0.</param>
    /// <param name="offset">Its offset in the program's file.</param>
    /// <param name="bytes">The memory, all zero.</param>
    internal IommuStatus Allocate(IommufdObject owner, ulong length, out ulong offset, out SharedBytes? bytes)
    {
        (offset, bytes) = (0, null);
        if (length == 0 || length % PageSize != 0) return IommuStatus.Invalid;
        using (_lock.Enter())
        {
            ulong at = First;
            foreach ((ulong begin, Region region) in _regions)
            {
                if (begin - at >= length) break;
                at = begin + region.Length;
            }

            if (length > End - at) return IommuStatus.NoMemory;
            bytes = carrier.Map(at, length);
            _regions.Add(at, new Region(owner, length));
            offset = at;
            return IommuStatus.Ok;
        }
    }

    /// <summary>Frees a region. Its owner no longer uses the memory.</summary>
    internal void Free(ulong offset)
    {
        using (_lock.Enter())
        {
            if (!_regions.Remove(offset, out Region? region)) return;
            carrier.Free(offset, region.Length);
            region.SetUnmapped();
        }
    }

    /// <summary>Whether a program may map these bytes: exactly one region, shared, not executable.</summary>
    internal Errno Map(ulong offset, ulong length, bool shared, bool executable)
    {
        if (!shared) return Errno.EINVAL.Because("a region is mapped with MAP_SHARED only");
        if (executable) return Errno.EPERM.Because("a region is not mapped for execution");
        using (_lock.Enter())
        {
            if (!_regions.TryGetValue(offset, out Region? region) || region.Length != length)
                return Errno.ENXIO.Because($"there is no region of 0x{length:x} bytes at offset 0x{offset:x}");
            return region.TrySetMapped() ? Errno.None : Errno.ENXIO.Because("the region is being freed");
        }
    }

    /// <summary>Records that nothing is mapped any more, because the file is closed.</summary>
    internal void SetUnmapped()
    {
        using (_lock.Enter())
            foreach (Region region in _regions.Values) region.SetUnmapped();
    }

    /// <summary>
    /// Whether a program has mapped a region of an object. We cannot always see the end of a mapping, so it is searched
    /// for only now. Until then the owner counts as used.
    /// </summary>
    internal bool IsMapped(uint owner)
    {
        using (_lock.Enter())
        {
            foreach ((ulong offset, Region region) in _regions)
            {
                if (region.Owner.Id != owner || !region.MayBeMapped) continue;
                if (carrier.IsMapped(offset, region.Length)) return true;
                region.SetUnmapped();
            }

            return false;
        }
    }

    private sealed class Region(IommufdObject owner, ulong length)
    {
        internal IommufdObject Owner => owner;

        internal ulong Length => length;

        /// <summary>
        /// Whether a program was allowed to map it since it was last seen unmapped. That counts as a user of the owner.
        /// </summary>
        internal bool MayBeMapped { get; private set; }

        /// <summary>Records that a program may map it; false if the owner has been ended.</summary>
        internal bool TrySetMapped() => MayBeMapped || (MayBeMapped = owner.TryAddUser());

        internal void SetUnmapped()
        {
            if (!MayBeMapped) return;
            MayBeMapped = false;
            owner.Objects.RemoveUser(owner);
        }
    }
}
