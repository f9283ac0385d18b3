using System.Runtime.CompilerServices;
using Ioasis.Abi;
using Ioasis.Iommufd.Ioctls;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using Ioasis.MockIommu.Abi;

namespace Ioasis.MockIommu.Operations;

/// <summary>Addresses and pages.</summary>
internal static class MemoryOperations
{
    private const ulong HostPageSize = 4096;

    // Every context in which a device was made or anything pinned: a page's pins are those of all of them.
    private static readonly ConditionalWeakTable<IommufdContext, object?> s_contexts = [];

    /// <summary>Remembers a context, whose pins count from now on.</summary>
    internal static void Remember(IommufdContext context) => s_contexts.TryAdd(context, null);

    internal static Errno AddReserved(IoctlCall call, in IommuTestCmd args)
    {
        (ulong start, ulong length) = args.AddReserved;
        if (length == 0) return Errno.EINVAL;
        if (!new Iova(start).TryLast(length, out Iova last)) return Errno.EOVERFLOW;
        return call.Context.ReserveIova(args.Id, new IovaRange(start, last.Value));
    }

    /// <summary>Whether each page of a range of the program has as many pins as it says.</summary>
    internal static Errno CheckRefs(IoctlCall call, in IommuTestCmd args)
    {
        (ulong length, ulong address, uint refs) = args.CheckRefs;
        if (((length | address) & (HostPageSize - 1)) != 0 || unchecked(address + length) < address)
            return Errno.EINVAL;
        for (ulong done = 0; done < length; done += HostPageSize)
        {
            if (!call.Caller.Memory.TryLocate(new Hva(address + done), out MemoryLocation page)) return Errno.EFAULT;
            if (s_contexts.Sum(context => context.Key.CountPins(page)) != refs) return Errno.EIO;
        }

        return Errno.None;
    }

    /// <summary>
    /// Linux gathers addresses of pages in batches of that many bytes before it maps them. Here nothing is gathered:
    /// what a call takes in between does not grow with what it maps, so that every limit that Linux takes holds.
    /// </summary>
    internal static Errno SetTemporaryLimit(in IommuTestCmd args) =>
        args.MemoryLimit.Limit < sizeof(ulong) + sizeof(uint) ? Errno.EINVAL : Errno.None;
}
