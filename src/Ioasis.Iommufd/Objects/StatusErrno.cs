using Ioasis.Abi;
using Ioasis.Core;
using Ioasis.Core.Observation;

namespace Ioasis.Iommufd.Objects;

/// <summary>Converts a status of the core to an errno of the uAPI, with its sentence.</summary>
internal static class StatusErrno
{
    /// <summary>The errno. If nothing said why the status was answered, the sentence is that of the status.</summary>
    internal static Errno ToErrno(this IommuStatus status)
    {
        if (status == IommuStatus.Ok) return Errno.None;
        Errno errno = ErrnoOf(status);
        return Refusal.IsHeard ? errno.Because(Refusal.WhyOf(-(int)status) ?? WhyOf(status)) : errno;
    }

    private static Errno ErrnoOf(IommuStatus status) => status switch
    {
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

    private static string WhyOf(IommuStatus status) => status switch
    {
        IommuStatus.NotSupported => "the IOMMU or the device cannot do this",
        IommuStatus.Busy => "the device, or what is asked for, is in use",
        IommuStatus.NoMemory => "the host or the program has no memory left for this",
        IommuStatus.NotFound => "the IOMMU has no object of this ID",
        IommuStatus.Exists => "there is such an object already",
        IommuStatus.BadMemory => "the program's memory cannot be read or written at the given address",
        IommuStatus.TooBig => "bytes that are not known here are not 0",
        IommuStatus.DeviceError => "the device does not do this now",
        IommuStatus.NoDevice => "the device, or its IOMMU, does not have this",
        IommuStatus.NoSpace => "all of the range is taken",
        IommuStatus.Overflow => "a sum of addresses or lengths exceeds 64 bits",
        IommuStatus.NotPermitted => "the present owner or state does not permit it",
        _ => "the IOMMU takes no such value",
    };
}
