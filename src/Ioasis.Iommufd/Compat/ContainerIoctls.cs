using Ioasis.Abi;
using Ioasis.Iommufd.Objects;
using static Ioasis.Abi.VfioH;

namespace Ioasis.Iommufd.Compat;

/// <summary>What a container is and can do.</summary>
internal static class ContainerIoctls
{
    internal static SysResult GetApiVersion(IommufdContext context, ulong argument) => SysResult.Ok(VFIO_API_VERSION);

    /// <summary>0 or 1. No device here is without an IOMMU, as on a Linux without CONFIG_VFIO_NOIOMMU.</summary>
    internal static SysResult CheckExtension(IommufdContext context, ulong extension) => extension switch
    {
        VFIO_TYPE1_IOMMU or VFIO_TYPE1v2_IOMMU or VFIO_UNMAP_ALL => SysResult.Ok(1),
        VFIO_DMA_CC_IOMMU => CheckCoherency(context),
        _ => SysResult.Ok(),
    };

    /// <summary>
    /// TYPE1 lets unmap take parts of mappings, which no large page may stand across; TYPE1v2 is how an IOAS is anyway,
    /// and gives large pages no permission back.
    /// </summary>
    internal static SysResult SetIommu(IommufdContext context, ulong type)
    {
        if (type is not (VFIO_TYPE1_IOMMU or VFIO_TYPE1v2_IOMMU)) return Errno.EINVAL;
        Errno errno = context.Objects.TryGetCompat(out ObjectTable.Held<Ioas> held);
        using ObjectTable.Held<Ioas> ioas = held;
        if (errno != Errno.None) return errno;
        return type == VFIO_TYPE1_IOMMU ? ioas.Value.Table.SetLargePages(false) : Errno.None;
    }

    private static SysResult CheckCoherency(IommufdContext context)
    {
        Errno errno = context.Objects.TryGetCompat(out ObjectTable.Held<Ioas> held);
        using ObjectTable.Held<Ioas> ioas = held;
        if (errno != Errno.None) return errno;
        foreach (HwptPaging hwpt in ioas.Value.Hwpts.Snapshot)
            if (!hwpt.EnforcesCoherency) return SysResult.Ok();
        return SysResult.Ok(1);
    }
}
