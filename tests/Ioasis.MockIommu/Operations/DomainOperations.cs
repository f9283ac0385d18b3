using System.Numerics;
using Ioasis.Abi;
using Ioasis.Iommufd.Ioctls;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using Ioasis.MockIommu.Abi;
using Ioasis.MockIommu.Unit;

namespace Ioasis.MockIommu.Operations;

/// <summary>Looking into page tables, and writing through them.</summary>
internal static class DomainOperations
{
    private const ulong MaxDirtyBits = 16 * 1024 * 1024 * 8;

    /// <summary>Whether a range of a table leads to the very memory that a range of the program is.</summary>
    internal static Errno CheckMap(IoctlCall call, in IommuTestCmd args)
    {
        (ulong iova, ulong length, ulong address) = args.CheckMap;
        Errno errno = TryGet(call, args.Id, out ObjectTable.Held<HwptPaging> held, out MockPagingDomain? domain);
        using ObjectTable.Held<HwptPaging> hwpt = held;
        if (errno != Errno.None) return errno;
        ulong page = 1UL << BitOperations.TrailingZeroCount(domain!.PageSizes);
        if (((iova | length | address) & (page - 1)) != 0 || unchecked(address + length) < address) return Errno.EINVAL;
        for (ulong done = 0; done < length; done += page)
        {
            if (!call.Caller.Memory.TryLocate(new Hva(address + done), out MemoryLocation wanted)) return Errno.EFAULT;
            if (!domain.TryLocate(new Iova(unchecked(iova + done)), out MemoryLocation found) || found != wanted)
                return Errno.EINVAL;
        }

        return Errno.None;
    }

    internal static Errno CheckIotlb(IoctlCall call, in IommuTestCmd args)
    {
        Errno errno = call.Context.Objects.TryGet(args.Id, out ObjectTable.Held<HwptNested> held);
        using ObjectTable.Held<HwptNested> hwpt = held;
        if (errno != Errno.None) return errno;
        return hwpt.Value.Domain is MockNestedDomain nested
            && nested.Holds(args.CheckIotlb.Id, args.CheckIotlb.Iotlb) ? Errno.None : Errno.EINVAL;
    }

    /// <summary>A device writes to the pages whose bits are set.</summary>
    internal static Errno Dirty(IoctlCall call, ref IommuTestCmd args)
    {
        DirtyArgs dirty = args.Dirty;
        if (dirty.PageSize == 0 || dirty.Length == 0 || dirty.Iova % dirty.PageSize != 0
            || dirty.Length % dirty.PageSize != 0 || dirty.Uptr == 0)
            return Errno.EINVAL;
        ulong pages = dirty.Length / dirty.PageSize;
        if (pages > MaxDirtyBits) return Errno.EOVERFLOW;
        Errno errno = TryGet(call, args.Id, out ObjectTable.Held<HwptPaging> held, out MockPagingDomain? domain);
        using ObjectTable.Held<HwptPaging> hwpt = held;
        if (errno != Errno.None) return errno;
        if (!domain!.IsTrackingDirty) return Errno.EINVAL;

        byte[] bits = new byte[(pages + 7) / 8];
        if (!call.Caller.Memory.TryRead(new Hva(dirty.Uptr), bits)) return Errno.EFAULT;
        ulong count = 0;
        for (ulong page = 0; page < pages; page++)
        {
            if ((bits[page / 8] >> (int)(page % 8) & 1) == 0) continue;
            domain.SetDirty(unchecked(dirty.Iova + (page * dirty.PageSize)));
            count++;
        }

        args.Dirty.OutNrDirty = count;
        return call.Respond(in args);
    }

    private static Errno TryGet(
        IoctlCall call, uint id, out ObjectTable.Held<HwptPaging> held, out MockPagingDomain? domain)
    {
        domain = null;
        Errno errno = call.Context.Objects.TryGet(id, out held);
        if (errno != Errno.None) return errno;
        domain = held.Value.Domain as MockPagingDomain;
        return domain is null ? Errno.EINVAL : Errno.None;
    }
}
