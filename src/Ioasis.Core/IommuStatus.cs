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
}
