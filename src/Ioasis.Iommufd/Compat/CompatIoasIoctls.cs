using Ioasis.Abi;
using Ioasis.Iommufd.Ioctls;
using Ioasis.Iommufd.Objects;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Iommufd.Compat;

/// <summary>IOMMU_VFIO_IOAS: gets or sets the IOAS that a container's ioctls act on.</summary>
internal static class CompatIoasIoctls
{
    internal static Errno VfioIoas(in IoctlCall call, ref IommuVfioIoas args)
    {
        if (args.Reserved != 0)
            return Errno.EOPNOTSUPP.Because($"the reserved field is 0x{args.Reserved:x}; it must be 0");
        ObjectTable objects = call.Context.Objects;
        ObjectTable.Held<IommufdIoas> held;
        Errno errno;
        switch (args.Op)
        {
            case IOMMU_VFIO_IOAS_GET:
                errno = objects.TryGetCompat(out held);
                if (errno != Errno.None) return errno;
                using (held) args.IoasId = held.Value.Id;
                return call.Respond(in args);
            case IOMMU_VFIO_IOAS_SET:
                errno = objects.TryGet(args.IoasId, out held);
                if (errno != Errno.None) return errno;
                using (held) objects.SetCompat(held.Value);
                return Errno.None;
            case IOMMU_VFIO_IOAS_CLEAR:
                objects.SetCompat(null);
                return Errno.None;
            default:
                return Errno.EOPNOTSUPP.Because($"operation {args.Op} is none of IOMMU_VFIO_IOAS_GET, _SET and _CLEAR");
        }
    }
}
