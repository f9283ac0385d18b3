using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Objects;
using static Ioasis.Abi.VfioH;

namespace Ioasis.Iommufd.Compat;

/// <summary>
/// The VFIO container ioctls that /dev/iommu supports (Linux: iommufd_vfio_ioctl). They name no IOAS; all act on the
/// context's compatibility IOAS. As on Linux, VFIO_IOMMU_DIRTY_PAGES is not among them.
/// </summary>
internal static class CompatTable
{
    // The last number is the end, in bytes, of the last field that the ioctl's first version had.
    private static readonly CompatEntry[] s_rows =
    [
        new CompatValueEntry(VFIO_GET_API_VERSION, nameof(VFIO_GET_API_VERSION), ContainerIoctls.GetApiVersion),
        new CompatValueEntry(VFIO_CHECK_EXTENSION, nameof(VFIO_CHECK_EXTENSION), ContainerIoctls.CheckExtension),
        new CompatValueEntry(VFIO_SET_IOMMU, nameof(VFIO_SET_IOMMU), ContainerIoctls.SetIommu),
        new CompatEntry<VfioIommuType1Info>(VFIO_IOMMU_GET_INFO, nameof(VFIO_IOMMU_GET_INFO), 16, InfoIoctl.GetInfo),
        new CompatEntry<VfioIommuType1DmaMap>(VFIO_IOMMU_MAP_DMA, nameof(VFIO_IOMMU_MAP_DMA), 32, DmaIoctls.Map),
        new CompatEntry<VfioIommuType1DmaUnmap>(VFIO_IOMMU_UNMAP_DMA, nameof(VFIO_IOMMU_UNMAP_DMA), 24,
            DmaIoctls.Unmap),
    ];

    /// <summary>The rows, for documentation and tests.</summary>
    internal static IReadOnlyList<CompatEntry> All => s_rows;

    /// <summary>Serves an ioctl whose number is not iommufd's.</summary>
    internal static SysResult Execute(IommufdContext context, ICaller caller, uint command, ulong argument)
    {
        foreach (CompatEntry row in s_rows)
            if (row.Number == command) return row.Execute(context, caller, argument);
        return Errno.ENOTTY.Because($"request 0x{command:x} is not known");
    }
}
