using Ioasis.Abi;
using Ioasis.Iommufd;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Ioctls;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using static Ioasis.Abi.SvaH;

namespace Ioasis.Passthrough.Sva;

/// <summary>The ioctls of /dev/sva (include/ioasis.h).</summary>
internal static class SvaIoctls
{
    private const int CAP_SYS_RESOURCE = 24;

    /// <summary>
    /// All of them, by number. The smallest size that a program may give is that of the first version.
    /// </summary>
    internal static IReadOnlyDictionary<uint, SvaIoctl> Table { get; } = new SvaIoctl[]
    {
        new SvaIoctl<IoasisSvaAllocPasid>(IOASIS_SVA_ALLOC_PASID, nameof(IOASIS_SVA_ALLOC_PASID), 20, Allocate),
        new SvaIoctl<IoasisSvaFreePasid>(IOASIS_SVA_FREE_PASID, nameof(IOASIS_SVA_FREE_PASID), 8, Free),
        new SvaIoctl<IoasisSvaBindProcess>(IOASIS_SVA_BIND_PROCESS, nameof(IOASIS_SVA_BIND_PROCESS), 12, BindProcess),
        new SvaIoctl<IoasisSvaBindTable>(IOASIS_SVA_BIND_TABLE, nameof(IOASIS_SVA_BIND_TABLE), 40, BindTable),
        new SvaIoctl<IoasisSvaUnbind>(IOASIS_SVA_UNBIND, nameof(IOASIS_SVA_UNBIND), 8, Unbind),
        new SvaIoctl<IoasisSvaInvalidate>(IOASIS_SVA_INVALIDATE, nameof(IOASIS_SVA_INVALIDATE), 32, Invalidate),
        new SvaIoctl<IoasisSvaQuota>(IOASIS_SVA_QUOTA, nameof(IOASIS_SVA_QUOTA), 16, Quota),
    }.ToDictionary(i => i.Number);

    internal static SysResult Dispatch(SvaFile file, ICaller caller, uint command, ulong argument)
    {
        if (Table.TryGetValue(command, out SvaIoctl? ioctl)) return ioctl.Execute(file, caller, argument);

        // Queues for page requests are the file's own objects, and made as everywhere.
        return command is IommufdH.IOMMU_FAULT_QUEUE_ALLOC or IommufdH.IOMMU_DESTROY
            ? file.Sva.Objects.Ioctl(caller, command, argument)
            : Errno.ENOTTY.Because($"request 0x{command:x} is not known");
    }

    private static Errno Allocate(SvaCall call, ref IoasisSvaAllocPasid args)
    {
        if (args.Flags != 0) return Errno.EOPNOTSUPP.Because($"flags are 0x{args.Flags:x}; they must be 0");
        Errno errno = call.Sva.Allocate(args.First, args.Last, out args.OutPasid);
        if (errno != Errno.None || call.TryRespond(in args)) return errno;
        call.Sva.Free(args.OutPasid);
        return Errno.EFAULT.Because("the structure cannot be written");
    }

    private static Errno Free(SvaCall call, ref IoasisSvaFreePasid args) => call.Sva.Free(args.Pasid);

    private static Errno BindProcess(SvaCall call, ref IoasisSvaBindProcess args)
    {
        if (args.Flags != 0) return Errno.EOPNOTSUPP.Because($"flags are 0x{args.Flags:x}; they must be 0");
        Errno errno = call.Sva.BindProcess(call.Caller.Memory, ref args.Pasid);
        if (errno != Errno.None || call.TryRespond(in args)) return errno;
        call.Sva.Unbind(args.Pasid);
        return Errno.EFAULT.Because("the structure cannot be written");
    }

    private static Errno BindTable(SvaCall call, ref IoasisSvaBindTable args)
    {
        if ((args.Flags & ~IOASIS_SVA_BIND_FAULT_ID_VALID) != 0)
            return Errno.EOPNOTSUPP.Because(
                $"flags 0x{args.Flags:x} have a bit other than IOASIS_SVA_BIND_FAULT_ID_VALID");
        if ((args.DataType == IommufdH.IOMMU_HWPT_DATA_NONE) != (args.DataLen == 0))
            return Errno.EINVAL.Because(
                $"data of type {args.DataType} have {args.DataLen} bytes; only IOMMU_HWPT_DATA_NONE has none");
        Errno errno = call.Caller.TryGet(args.Iommufd, out IommufdContext? context);
        if (errno != Errno.None) return errno;
        CallerData? data = args.DataLen == 0
            ? null
            : new CallerData(call.Caller.Memory, args.DataType, args.DataUptr, args.DataLen);
        return call.Sva.BindTable(args.Pasid, context!, args.PtId, data,
            (args.Flags & IOASIS_SVA_BIND_FAULT_ID_VALID) != 0 ? args.FaultId : null);
    }

    private static Errno Unbind(SvaCall call, ref IoasisSvaUnbind args) => call.Sva.Unbind(args.Pasid);

    private static Errno Invalidate(SvaCall call, ref IoasisSvaInvalidate args)
    {
        int done = 0;
        Errno errno = InvalidateIoctl.Check(args.Reserved, args.DataUptr, args.EntryLen, args.EntryNum);
        if (errno == Errno.None)
        {
            errno = call.Sva.Invalidate(
                args.Pasid, new CallerDataArray(call.Caller.Memory, args.DataType, args.DataUptr, args.EntryLen,
                    (int)args.EntryNum), out done);
        }

        args.EntryNum = (uint)done;
        return call.TryRespond(in args) ? errno : Errno.EFAULT.Because("the structure cannot be written");
    }

    private static Errno Quota(SvaCall call, ref IoasisSvaQuota args)
    {
        switch (args.Op)
        {
            case IOASIS_SVA_QUOTA_GET:
                args.Quota = (uint)call.Sva.Quota;
                break;
            case IOASIS_SVA_QUOTA_SET:
                if (args.Quota > Pasid.MaxValue)
                    return Errno.EINVAL.Because($"the quota is {args.Quota}; it must be at most {Pasid.MaxValue}");
                if (args.Quota > (uint)call.File.FirstQuota && !call.Caller.HasCapability(CAP_SYS_RESOURCE))
                    return Errno.EPERM.Because(
                        $"the quota is {args.Quota}; above {call.File.FirstQuota} the program needs CAP_SYS_RESOURCE");
                call.Sva.Quota = (int)args.Quota;
                if (args.Quota > (uint)call.File.FirstQuota) call.Sva.LiftShares();
                break;
            default:
                return Errno.EOPNOTSUPP.Because(
                    "the operation is neither IOASIS_SVA_QUOTA_GET nor IOASIS_SVA_QUOTA_SET");
        }

        args.OutCount = (uint)call.Sva.Count;
        return call.TryRespond(in args) ? Errno.None : Errno.EFAULT.Because("the structure cannot be written");
    }
}
