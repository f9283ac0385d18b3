using Ioasis.Abi;
using Ioasis.Core;
using Ioasis.Iommufd.Objects;

namespace Ioasis.Iommufd.Ioctls;

/// <summary>Invalidates caches of a first stage that the program owns and has changed.</summary>
internal static class InvalidateIoctl
{
    private const uint MaxEntries = 1 << 19;
    private const uint MaxEntryLength = 4096;

    /// <summary>Always writes back how many entries were done.</summary>
    internal static Errno Invalidate(in IoctlCall call, ref IommuHwptInvalidate args)
    {
        Errno errno = Run(call, in args, out int done);
        args.EntryNum = (uint)done;
        Errno told = call.Respond(in args);
        return told == Errno.None ? errno : told;
    }

    /// <summary>Checks an array of entries, whatever their type.</summary>
    internal static Errno Check(uint reserved, ulong address, uint entryLength, uint count)
    {
        if (reserved != 0) return Errno.EOPNOTSUPP.Because($"the reserved field is 0x{reserved:x}; it must be 0");
        return count != 0 && (address == 0 || entryLength is 0 or > MaxEntryLength || count > MaxEntries)
            ? Errno.EINVAL.Because(
                $"{count} entries of {entryLength} bytes at 0x{address:x} are empty, too many or too long")
            : Errno.None;
    }

    private static Errno Run(in IoctlCall call, in IommuHwptInvalidate args, out int done)
    {
        done = 0;
        Errno errno = Check(args.Reserved, args.DataUptr, args.EntryLen, args.EntryNum);
        if (errno != Errno.None) return errno;
        errno = call.Context.Objects.TryGet(args.HwptId, out ObjectTable.Held<IommufdObject> held);
        using ObjectTable.Held<IommufdObject> target = held;
        if (errno != Errno.None) return errno;
        var entries = new CallerDataArray(call.Caller.Memory, args.DataType, args.DataUptr, args.EntryLen,
            (int)args.EntryNum);
        IommuStatus status = target.Value switch
        {
            HwptNested nested => nested.NestedDomain.Invalidate(entries, out done),
            IommufdViommu viommu => viommu.Driver.Invalidate(entries, out done),
            _ => IommuStatus.Invalid,
        };
        return status.ToErrno();
    }
}
