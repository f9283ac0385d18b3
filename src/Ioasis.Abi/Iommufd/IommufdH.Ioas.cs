namespace Ioasis.Abi;

public static partial class IommufdH
{
    /// <summary>Flag of map and copy: the caller chose the IOVA. Without it the IOAS chooses.</summary>
    public const uint IOMMU_IOAS_MAP_FIXED_IOVA = 1 << 0;
    /// <summary>Flag of map and copy: devices may write.</summary>
    public const uint IOMMU_IOAS_MAP_WRITEABLE = 1 << 1;
    /// <summary>Flag of map and copy: devices may read.</summary>
    public const uint IOMMU_IOAS_MAP_READABLE = 1 << 2;

    /// <summary>
    /// Option: who is charged for pinned memory: 0 the user, 1 the process. Global: the object ID is 0. Privileged.
    /// </summary>
    public const uint IOMMU_OPTION_RLIMIT_MODE = 0;
    /// <summary>
    /// Option of an IOAS: 1 allows large entries for adjacent pages (the default), 0 maps page by page.
    /// </summary>
    public const uint IOMMU_OPTION_HUGE_PAGES = 1;

    /// <summary>Operation of <see cref="IommuOption"/>: set the value.</summary>
    public const ushort IOMMU_OPTION_OP_SET = 0;
    /// <summary>Operation of <see cref="IommuOption"/>: return the value.</summary>
    public const ushort IOMMU_OPTION_OP_GET = 1;

    /// <summary>Operation of <see cref="IommuVfioIoas"/>: return the IOAS in use.</summary>
    public const ushort IOMMU_VFIO_IOAS_GET = 0;
    /// <summary>Operation of <see cref="IommuVfioIoas"/>: use this IOAS.</summary>
    public const ushort IOMMU_VFIO_IOAS_SET = 1;
    /// <summary>Operation of <see cref="IommuVfioIoas"/>: use none.</summary>
    public const ushort IOMMU_VFIO_IOAS_CLEAR = 2;
}
