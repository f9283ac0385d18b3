using Ioasis.Abi;
using Ioasis.Core;

namespace Ioasis.Iommufd.Objects;

/// <summary>Converts a status of the core to an errno of the uAPI.</summary>
internal static class StatusErrno
{
    internal static Errno ToErrno(this IommuStatus status) => status switch
    {
        IommuStatus.Ok => Errno.None,
        IommuStatus.NotSupported => Errno.EOPNOTSUPP,
        IommuStatus.Busy => Errno.EBUSY,
        IommuStatus.NoMemory => Errno.ENOMEM,
        IommuStatus.NotFound => Errno.ENOENT,
        IommuStatus.Exists => Errno.EEXIST,
        IommuStatus.BadMemory => Errno.EFAULT,
        IommuStatus.TooBig => Errno.E2BIG,
        IommuStatus.DeviceError => Errno.EIO,
        IommuStatus.NoDevice => Errno.ENODEV,
        IommuStatus.NoSpace => Errno.ENOSPC,
        IommuStatus.Overflow => Errno.EOVERFLOW,
        IommuStatus.NotPermitted => Errno.EPERM,
        _ => Errno.EINVAL,
    };
}
