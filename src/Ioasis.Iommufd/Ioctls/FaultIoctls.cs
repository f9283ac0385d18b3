using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Objects;

namespace Ioasis.Iommufd.Ioctls;

/// <summary>Makes fault queues, which receive page requests.</summary>
internal static class FaultIoctls
{
    internal static Errno Allocate(in IoctlCall call, ref IommuFaultAlloc args)
    {
        if (args.Flags != 0) return Errno.EOPNOTSUPP.Because($"flags are 0x{args.Flags:x}; they must be 0");
        Errno errno = call.Context.Objects.TryReserve(
            new IommufdFaultQueue(), out ObjectTable.Pending<IommufdFaultQueue>? reserved);
        if (errno != Errno.None) return errno;
        using ObjectTable.Pending<IommufdFaultQueue> pending = reserved!;
        args.OutFaultId = pending.Value.Id;

        // A descriptor cannot be taken back from a program, so first test whether its number can be written.
        args.OutFaultFd = uint.MaxValue;
        errno = call.Respond(in args);
        if (errno != Errno.None) return errno;
        SysResult placed = call.Caller.InstallQueue(new FaultQueueFile(call.Context, pending.Value));
        if (!placed.IsOk) return placed.Errno;
        args.OutFaultFd = (uint)placed.Value;
        errno = call.Respond(in args);
        pending.Commit();
        return errno;
    }
}
