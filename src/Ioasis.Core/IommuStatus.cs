namespace Ioasis.Core;

/// <summary>Why a request to the IOMMU was refused. Nothing was changed then.</summary>
public enum IommuStatus
{
    /// <summary>It was done.</summary>
    Ok,

    /// <summary>A value is wrong, or two things do not fit together (EINVAL).</summary>
    Invalid,

    /// <summary>The unit or device cannot do that (EOPNOTSUPP).</summary>
    NotSupported,

    /// <summary>Somebody else holds what is asked for (EBUSY).</summary>
    Busy,

    /// <summary>A limit is reached (ENOMEM).</summary>
    NoMemory,

    /// <summary>What is named is not there (ENOENT).</summary>
    NotFound,

    /// <summary>There is one already (EEXIST).</summary>
    Exists,

    /// <summary>Memory of the program, or behind an address of its, is not as it must be (EFAULT).</summary>
    BadMemory,

    /// <summary>A structure of the program has something in it that is not known here (E2BIG).</summary>
    TooBig,

    /// <summary>The device does not do it now (EIO).</summary>
    DeviceError,

    /// <summary>The device, or the unit for it, has no such thing (ENODEV).</summary>
    NoDevice,

    /// <summary>All of a range is taken (ENOSPC).</summary>
    NoSpace,

    /// <summary>A sum of addresses or lengths is too large (EOVERFLOW).</summary>
    Overflow,

    /// <summary>The present owner, or the present state, does not permit it (EPERM).</summary>
    NotPermitted,
}
