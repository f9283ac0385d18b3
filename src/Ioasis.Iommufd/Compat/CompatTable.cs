using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Objects;
using static Ioasis.Abi.VfioH;

namespace Ioasis.Iommufd.Compat;

/// <summary>
/// The ioctls of a VFIO container that /dev/iommu takes (Linux: iommufd_vfio_ioctl). They name no IOAS: all mean the
/// context's compatibility IOAS. VFIO_IOMMU_DIRTY_PAGES is not among them, nor is it on Linux.
/// </summary>
internal static class CompatTable
{
    // The last number is the end of the last field that the first version of the ioctl had, in bytes.
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

    /// <summary>The rows, for what documents or tests them.</summary>
    internal static IReadOnlyList<CompatEntry> All => s_rows;

    /// <summary>Serves an ioctl whose number is none of iommufd's.</summary>
    internal static SysResult Execute(IommufdContext context, ICaller caller, uint command, ulong argument)
    {
        foreach (CompatEntry row in s_rows)
            if (row.Number == command) return row.Execute(context, caller, argument);
        return Errno.ENOTTY;
    }
}
