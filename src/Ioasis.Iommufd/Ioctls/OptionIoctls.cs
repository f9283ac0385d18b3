using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Iommufd.Objects;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Iommufd.Ioctls;

/// <summary>IOMMU_OPTION: options of a context and of its objects.</summary>
internal static class OptionIoctls
{
    private const int CapSysResource = 24;
    private static readonly int s_valueOffset = (int)Marshal.OffsetOf<IommuOption>(nameof(IommuOption.Val64));

    internal static Errno Option(IoctlCall call, ref IommuOption args)
    {
        if (args.Reserved != 0) return Errno.EOPNOTSUPP;
        Errno errno = args.OptionId switch
        {
            IOMMU_OPTION_RLIMIT_MODE => RlimitMode(call, ref args),
            IOMMU_OPTION_HUGE_PAGES => HugePages(call, ref args),
            _ => Errno.EOPNOTSUPP,
        };
        return errno == Errno.None ? call.Respond(s_valueOffset, in args.Val64) : errno;
    }

    private static Errno RlimitMode(IoctlCall call, ref IommuOption args)
    {
        if (args.ObjectId != 0) return Errno.EOPNOTSUPP;
        switch (args.Op)
        {
            case IOMMU_OPTION_OP_GET:
                args.Val64 = call.Context.AccountsByProcess ? 1u : 0;
                return Errno.None;
            case IOMMU_OPTION_OP_SET:
                if (!call.Caller.HasCapability(CapSysResource)) return Errno.EPERM;
                if (!call.Context.Objects.IsEmpty) return Errno.EBUSY;
                if (args.Val64 > 1) return Errno.EINVAL;
                call.Context.AccountsByProcess = args.Val64 == 1;
                return Errno.None;
            default:
                return Errno.EOPNOTSUPP;
        }
    }

    private static Errno HugePages(IoctlCall call, ref IommuOption args)
    {
        Errno errno = call.Context.Objects.TryGet(args.ObjectId, out ObjectTable.Held<IommufdIoas> held);
        using ObjectTable.Held<IommufdIoas> ioas = held;
        if (errno != Errno.None) return errno;
        switch (args.Op)
        {
            case IOMMU_OPTION_OP_GET:
                args.Val64 = ioas.Value.Table.LargePages ? 1u : 0;
                return Errno.None;
            case IOMMU_OPTION_OP_SET:
                return args.Val64 > 1 ? Errno.EINVAL : ioas.Value.Table.SetLargePages(args.Val64 == 1);
            default:
                return Errno.EOPNOTSUPP;
        }
    }
}
