using Ioasis.Abi;
using Ioasis.Core;
using Ioasis.Iommufd.Files;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Objects;

/// <summary>
/// Memory of units that a program can map through its /dev/iommu (Linux: struct iommufd_mmap). The owner of what it
/// maps is in use.
/// </summary>
internal sealed class MmapRegions(ICarrier carrier)
{
    private const ulong PageSize = 4096;

    // Linux begins at the second page. Here, as for VFIO's regions, nothing lies where ordinary files have their bytes.
    private const ulong First = 1UL << 40, End = 1UL << 47;

    // Guards _regions, and which of them count as mapped. The carrier's lock and the object table's are taken within.
    private readonly Lock _lock = new();
    private readonly SortedList<ulong, Region> _regions = [];

    /// <summary>Makes a region at the lowest free offset.</summary>
    /// <param name="owner">Whose it is.</param>
    /// <param name="length">Bytes, a multiple of the page, not 0.</param>
    /// <param name="offset">Where a program finds it.</param>
    /// <param name="bytes">The memory, all zero.</param>
    internal IommuStatus Allocate(IommufdObject owner, ulong length, out ulong offset, out SharedBytes? bytes)
    {
        (offset, bytes) = (0, null);
        if (length == 0 || length % PageSize != 0) return IommuStatus.Invalid;
        lock (_lock)
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

    /// <summary>Takes a region back. Its owner does not use the memory any more.</summary>
    internal void Free(ulong offset)
    {
        lock (_lock)
        {
            if (!_regions.Remove(offset, out Region? region)) return;
            carrier.Free(offset, region.Length);
            region.SetUnmapped();
        }
    }

    /// <summary>Whether a program may map these bytes: exactly one region, shared, and not to be executed.</summary>
    internal Errno Map(ulong offset, ulong length, bool shared, bool executable)
    {
        if (!shared) return Errno.EINVAL;
        if (executable) return Errno.EPERM;
        lock (_lock)
        {
            if (!_regions.TryGetValue(offset, out Region? region) || region.Length != length) return Errno.ENXIO;
            return region.TrySetMapped() ? Errno.None : Errno.ENXIO;
        }
    }

    /// <summary>Nothing is mapped any more, as the file is closed.</summary>
    internal void SetUnmapped()
    {
        lock (_lock)
            foreach (Region region in _regions.Values) region.SetUnmapped();
    }

    /// <summary>
    /// Whether a program has mapped a region of that object. The end of a mapping cannot always be seen, so it is
    /// looked for only now; the owner is in use for as long as it was not seen.
    /// </summary>
    internal bool IsMapped(uint owner)
    {
        lock (_lock)
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
        /// Whether a program was allowed to map it since nobody had it mapped. That counts as a user of the owner.
        /// </summary>
        internal bool MayBeMapped { get; private set; }

        /// <summary>A program may map it; false when the owner has been ended.</summary>
        internal bool TrySetMapped() => MayBeMapped || (MayBeMapped = owner.TryAddUser());

        internal void SetUnmapped()
        {
            if (!MayBeMapped) return;
            MayBeMapped = false;
            owner.Objects.RemoveUser(owner);
        }
    }
}
