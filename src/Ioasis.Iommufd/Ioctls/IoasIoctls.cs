using System.Runtime.CompilerServices;
using Ioasis.Abi;
using Ioasis.Iommufd.Mapping;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Ioctls;

/// <summary>Makes an IOAS, and changes the rules of its address space.</summary>
internal static class IoasIoctls
{
    internal static Errno Allocate(in IoctlCall call, ref IommuIoasAlloc args)
    {
        if (args.Flags != 0) return Errno.EOPNOTSUPP.Because($"flags are 0x{args.Flags:x}; they must be 0");
        ObjectTable objects = call.Context.Objects;
        Errno errno = objects.TryReserve(new IommufdIoas(objects), out ObjectTable.Pending<IommufdIoas>? reserved);
        if (errno != Errno.None) return errno;
        using ObjectTable.Pending<IommufdIoas> pending = reserved!;
        args.OutIoasId = pending.Value.Id;
        errno = call.Respond(in args);
        if (errno == Errno.None) pending.Commit();
        return errno;
    }

    internal static Errno IovaRanges(in IoctlCall call, ref IommuIoasIovaRanges args)
    {
        if (args.Reserved != 0)
            return Errno.EOPNOTSUPP.Because($"the reserved field is 0x{args.Reserved:x}; it must be 0");
        Errno errno = call.Context.Objects.TryGet(args.IoasId, out ObjectTable.Held<IommufdIoas> held);
        using ObjectTable.Held<IommufdIoas> ioas = held;
        if (errno != Errno.None) return errno;

        uint room = args.NumIovas;
        List<IovaRange> ranges = ioas.Value.Table.UsableRanges(out ulong alignment);
        for (int i = 0; i < ranges.Count && (uint)i < room; i++)
        {
            var range = new IommuIovaRange { Start = ranges[i].First, Last = ranges[i].Last };
            if (!UserStruct.TryWrite(call.Caller.Memory, ElementAt<IommuIovaRange>(args.AllowedIovas, i), in range))
                return Errno.EFAULT.Because($"element {i} of the array at 0x{args.AllowedIovas:x} cannot be written");
        }

        args.NumIovas = (uint)ranges.Count;
        args.OutIovaAlignment = alignment;
        errno = call.Respond(in args);
        return errno == Errno.None && args.NumIovas > room
            ? Errno.EMSGSIZE.Because($"there are {args.NumIovas} ranges; the array has room for {room}")
            : errno;
    }

    internal static Errno AllowIovas(in IoctlCall call, ref IommuIoasAllowIovas args)
    {
        if (args.Reserved != 0)
            return Errno.EOPNOTSUPP.Because($"the reserved field is 0x{args.Reserved:x}; it must be 0");
        Errno errno = call.Context.Objects.TryGet(args.IoasId, out ObjectTable.Held<IommufdIoas> held);
        using ObjectTable.Held<IommufdIoas> ioas = held;
        if (errno != Errno.None) return errno;

        // Reads in steps, so that a large count costs nothing before its memory was found: the program's and ours.
        const uint step = 1024;
        const long rangeCost = 96; // per range, while they are read and sorted
        MemoryBudget budget = call.Context.Objects.Budget;
        long taken = 0;
        try
        {
            var allowed = new RangeMap<bool>();
            for (uint i = 0; i < args.NumIovas; i++)
            {
                if (i % step == 0)
                {
                    if (!budget.TryTake(step * rangeCost))
                        return Errno.ENOMEM.Because("the program may not make Ioasis hold more memory");
                    taken += step * rangeCost;
                }

                if (!UserStruct.TryRead(call.Caller.Memory, ElementAt<IommuIovaRange>(args.AllowedIovas, i),
                    out IommuIovaRange range))
                    return Errno.EFAULT.Because($"element {i} of the array at 0x{args.AllowedIovas:x} cannot be read");
                if (range.Start >= range.Last || allowed.Overlaps(range.Start, range.Last))
                    return Errno.EINVAL.Because(
                        $"range {i}, 0x{range.Start:x}-0x{range.Last:x}, overlaps one before it, or "
                            + $"its last IOVA is not above its first");
                allowed.Add(range.Start, range.Last, true);
            }

            return ioas.Value.Table.SetAllowed([.. allowed.All().Select(r => new IovaRange(r.First, r.Last))]);
        }
        finally
        {
            budget.Give(taken);
        }
    }

    /// <summary>Makes the caller the owner of the mappings, who is charged for their pins.</summary>
    internal static Errno ChangeProcess(in IoctlCall call, ref IommuIoasChangeProcess args)
    {
        if (args.Reserved != 0)
            return Errno.EOPNOTSUPP.Because($"the reserved field is 0x{args.Reserved:x}; it must be 0");
        var next = new PinOwner(PinAccounting.User, call.Caller.Pins, call.Caller.UserPins);
        using (call.Context.ManyTablesLock.Enter())
            return IoPageTable.ChangeProcess(
                [.. call.Context.Objects.All<IommufdIoas>().Select(ioas => ioas.Table)], next);
    }

    private static ulong ElementAt<T>(ulong array, long index) where T : unmanaged =>
        unchecked(array + ((ulong)index * (ulong)Unsafe.SizeOf<T>()));
}
