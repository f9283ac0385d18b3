using System.Numerics;
using Ioasis.Abi;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Iommufd.Ioctls;

/// <summary>Dirty tracking: the pages that devices wrote.</summary>
internal static class DirtyIoctls
{
    internal static Errno SetTracking(in IoctlCall call, ref IommuHwptSetDirtyTracking args)
    {
        if ((args.Flags & ~IOMMU_HWPT_DIRTY_TRACKING_ENABLE) != 0)
            return Errno.EOPNOTSUPP.Because(
                $"flags 0x{args.Flags:x} have a bit other than IOMMU_HWPT_DIRTY_TRACKING_ENABLE");
        Errno errno = call.Context.Objects.TryGet(args.HwptId, out ObjectTable.Held<HwptPaging> held);
        using ObjectTable.Held<HwptPaging> hwpt = held;
        if (errno != Errno.None) return errno;
        if (!hwpt.Value.TracksDirty)
            return Errno.EOPNOTSUPP.Because($"HWPT {args.HwptId} was made without IOMMU_HWPT_ALLOC_DIRTY_TRACKING");
        hwpt.Value.Ioas.Table.SetDirtyTracking(
            hwpt.Value.PagingDomain, (args.Flags & IOMMU_HWPT_DIRTY_TRACKING_ENABLE) != 0);
        return Errno.None;
    }

    /// <summary>
    /// Sets the bit of each dirty page and leaves the others alone. As on Linux, neither a hole in the range nor
    /// missing bitmap memory is an error: pages before the first hole are reported, as far as the bitmap has memory.
    /// </summary>
    internal static Errno GetBitmap(in IoctlCall call, ref IommuHwptGetDirtyBitmap args)
    {
        if ((args.Flags & ~IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR) != 0 || args.Reserved != 0)
            return Errno.EOPNOTSUPP.Because(
                $"flags 0x{args.Flags:x} have an unknown bit, or the reserved field is not 0");
        Errno errno = call.Context.Objects.TryGet(args.HwptId, out ObjectTable.Held<HwptPaging> held);
        using ObjectTable.Held<HwptPaging> hwpt = held;
        if (errno != Errno.None) return errno;

        ulong last = unchecked(args.Iova + (args.Length - 1));
        if (args.Length - 1 > ulong.MaxValue - args.Iova)
            return Errno.EOVERFLOW.Because($"IOVA 0x{args.Iova:x} + length 0x{args.Length:x} exceeds 64 bits");
        ulong alignment = hwpt.Value.Ioas.Table.Alignment;
        if (((args.Iova | unchecked(last + 1)) & (alignment - 1)) != 0 || args.PageSize == 0)
            return Errno.EINVAL.Because(
                $"IOVA 0x{args.Iova:x} or its end is not a multiple of 0x{alignment:x}, or the page size is 0");
        if (((args.Iova | unchecked(last + 1)) & (args.PageSize - 1)) != 0)
            return Errno.EINVAL.Because(
                $"IOVA 0x{args.Iova:x} or its end is not a multiple of the page size, 0x{args.PageSize:x}");
        if (!hwpt.Value.TracksDirty)
            return Errno.EOPNOTSUPP.Because($"HWPT {args.HwptId} was made without IOMMU_HWPT_ALLOC_DIRTY_TRACKING");

        var bitmap = new UserBitmap(
            call.Caller.Memory, args.Data, args.Iova, BitOperations.TrailingZeroCount(args.PageSize));
        bool clear = (args.Flags & IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR) == 0;
        hwpt.Value.Ioas.Table.TakeDirty(hwpt.Value.PagingDomain, new IovaRange(args.Iova, last), clear, bitmap.Set);
        bitmap.Flush();
        return Errno.None;
    }
}
