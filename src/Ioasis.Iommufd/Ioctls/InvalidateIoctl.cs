using Ioasis.Abi;
using Ioasis.Core;
using Ioasis.Iommufd.Objects;

namespace Ioasis.Iommufd.Ioctls;

/// <summary>Dropping what caches hold of a first stage that the program owns and has changed.</summary>
internal static class InvalidateIoctl
{
    private const uint MaxEntries = 1 << 19;
    private const uint MaxEntryLength = 4096;

    /// <summary>However it ends, the program is told how many entries were done.</summary>
    internal static Errno Invalidate(IoctlCall call, ref IommuHwptInvalidate args)
    {
        Errno errno = Run(call, in args, out int done);
        args.EntryNum = (uint)done;
        return call.Respond(in args) == Errno.None ? errno : Errno.EFAULT;
    }

    private static Errno Run(IoctlCall call, in IommuHwptInvalidate args, out int done)
    {
        done = 0;
        if (args.Reserved != 0) return Errno.EOPNOTSUPP;
        if (args.EntryNum != 0
            && (args.DataUptr == 0 || args.EntryLen is 0 or > MaxEntryLength || args.EntryNum > MaxEntries)) return Errno.EINVAL;
        Errno errno = call.Context.Objects.TryGet(args.HwptId, out ObjectTable.Held<IommufdObject> held);
        using ObjectTable.Held<IommufdObject> target = held;
        if (errno != Errno.None) return errno;
        var entries = new CallerDataArray(call.Caller.Memory, args.DataType, args.DataUptr, args.EntryLen, (int)args.EntryNum);
        IommuStatus status = target.Value switch
        {
            HwptNested nested => nested.NestedDomain.Invalidate(entries, out done),
            IommufdViommu viommu => viommu.Driver.Invalidate(entries, out done),
            _ => IommuStatus.Invalid,
        };
        return status.ToErrno();
    }
}
