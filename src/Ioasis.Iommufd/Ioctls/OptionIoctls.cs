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

    internal static Errno Option(in IoctlCall call, ref IommuOption args)
    {
        if (args.Reserved != 0)
            return Errno.EOPNOTSUPP.Because($"the reserved field is 0x{args.Reserved:x}; it must be 0");
        Errno errno = args.OptionId switch
        {
            IOMMU_OPTION_RLIMIT_MODE => RlimitMode(call, ref args),
            IOMMU_OPTION_HUGE_PAGES => HugePages(call, ref args),
            _ => Errno.EOPNOTSUPP.Because($"option {args.OptionId} is not known"),
        };
        return errno == Errno.None ? call.Respond(s_valueOffset, in args.Val64) : errno;
    }

    private static Errno RlimitMode(in IoctlCall call, ref IommuOption args)
    {
        if (args.ObjectId != 0)
            return Errno.EOPNOTSUPP.Because(
                $"object_id is {args.ObjectId}; IOMMU_OPTION_RLIMIT_MODE is the context's, so it must be 0");
        switch (args.Op)
        {
            case IOMMU_OPTION_OP_GET:
                args.Val64 = call.Context.AccountsByProcess ? 1u : 0;
                return Errno.None;
            case IOMMU_OPTION_OP_SET:
                if (!call.Caller.HasCapability(CapSysResource))
                    return Errno.EPERM.Because("the program lacks CAP_SYS_RESOURCE");
                if (!call.Context.Objects.IsEmpty)
                    return Errno.EBUSY.Because("the mode can be set only while the context has no object");
                if (args.Val64 > 1) return Errno.EINVAL.Because($"the value is {args.Val64}; it must be 0 or 1");
                call.Context.AccountsByProcess = args.Val64 == 1;
                return Errno.None;
            default:
                return Errno.EOPNOTSUPP.Because(
                    $"operation {args.Op} is neither IOMMU_OPTION_OP_SET nor IOMMU_OPTION_OP_GET");
        }
    }

    private static Errno HugePages(in IoctlCall call, ref IommuOption args)
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
                return args.Val64 > 1
                    ? Errno.EINVAL.Because($"the value is {args.Val64}; it must be 0 or 1")
                    : ioas.Value.Table.SetLargePages(args.Val64 == 1);
            default:
                return Errno.EOPNOTSUPP.Because(
                    $"operation {args.Op} is neither IOMMU_OPTION_OP_SET nor IOMMU_OPTION_OP_GET");
        }
    }
}
