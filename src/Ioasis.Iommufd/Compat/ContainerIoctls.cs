using Ioasis.Abi;
using Ioasis.Iommufd.Objects;
using static Ioasis.Abi.VfioH;

namespace Ioasis.Iommufd.Compat;

/// <summary>The container's version, extensions and type.</summary>
internal static class ContainerIoctls
{
    internal static SysResult GetApiVersion(IommufdContext context, ulong argument) => SysResult.Ok(VFIO_API_VERSION);

    /// <summary>Returns 0 or 1. Every device has an IOMMU here, as on a Linux without CONFIG_VFIO_NOIOMMU.</summary>
    internal static SysResult CheckExtension(IommufdContext context, ulong extension) => extension switch
    {
        VFIO_TYPE1_IOMMU or VFIO_TYPE1v2_IOMMU or VFIO_UNMAP_ALL => SysResult.Ok(1),
        VFIO_DMA_CC_IOMMU => CheckCoherency(context),
        _ => SysResult.Ok(),
    };

    /// <summary>
    /// Sets the type. TYPE1 lets an unmap split mappings, so no large page may cross a place of a split. TYPE1v2 is the
    /// normal behaviour of an IOAS; it does not re-enable large pages.
    /// </summary>
    internal static SysResult SetIommu(IommufdContext context, ulong type)
    {
        if (type is not (VFIO_TYPE1_IOMMU or VFIO_TYPE1v2_IOMMU))
            return Errno.EINVAL.Because($"IOMMU type {type} is neither VFIO_TYPE1_IOMMU nor VFIO_TYPE1v2_IOMMU");
        Errno errno = context.Objects.TryGetCompat(out ObjectTable.Held<IommufdIoas> held);
        using ObjectTable.Held<IommufdIoas> ioas = held;
        if (errno != Errno.None) return errno;
        return type == VFIO_TYPE1_IOMMU ? ioas.Value.Table.SetLargePages(false) : Errno.None;
    }

    private static SysResult CheckCoherency(IommufdContext context)
    {
        Errno errno = context.Objects.TryGetCompat(out ObjectTable.Held<IommufdIoas> held);
        using ObjectTable.Held<IommufdIoas> ioas = held;
        if (errno != Errno.None) return errno;
        foreach (HwptPaging hwpt in ioas.Value.Hwpts.Snapshot)
            if (!hwpt.EnforcesCoherency) return SysResult.Ok();
        return SysResult.Ok(1);
    }
}
