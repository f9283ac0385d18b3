using Ioasis.Abi;
using Ioasis.Core;

namespace Ioasis.Client.Drivers;

/// <summary>The status that an errno of /dev/iommu or VFIO stands for.</summary>
internal static class Statuses
{
    internal static IommuStatus Of(Errno errno) => errno switch
    {
        Errno.None => IommuStatus.Ok,
        Errno.EINVAL => IommuStatus.Invalid,
        Errno.EOPNOTSUPP => IommuStatus.NotSupported,
        Errno.EBUSY => IommuStatus.Busy,
        Errno.ENOMEM => IommuStatus.NoMemory,
        Errno.ENOENT => IommuStatus.NotFound,
        Errno.EEXIST => IommuStatus.Exists,
        Errno.EFAULT => IommuStatus.BadMemory,
        Errno.E2BIG => IommuStatus.TooBig,
        Errno.ENODEV => IommuStatus.NoDevice,
        Errno.ENOSPC => IommuStatus.NoSpace,
        Errno.EOVERFLOW => IommuStatus.Overflow,
        Errno.EPERM => IommuStatus.NotPermitted,
        _ => IommuStatus.DeviceError,
    };
}
