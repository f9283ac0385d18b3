namespace Ioasis.Abi;

public static partial class VfioH
{
    /// <summary>Container: returns the version of the API. No argument.</summary>
    public const uint VFIO_GET_API_VERSION = (VFIO_TYPE << 8) | (VFIO_BASE + 0);
    /// <summary>Container: returns whether it supports an extension. The argument is the extension's number.</summary>
    public const uint VFIO_CHECK_EXTENSION = (VFIO_TYPE << 8) | (VFIO_BASE + 1);
    /// <summary>Container: selects the kind of IOMMU. The argument is its extension number.</summary>
    public const uint VFIO_SET_IOMMU = (VFIO_TYPE << 8) | (VFIO_BASE + 2);
    /// <summary>Group: returns its state. Argument: <see cref="VfioGroupStatus"/>.</summary>
    public const uint VFIO_GROUP_GET_STATUS = (VFIO_TYPE << 8) | (VFIO_BASE + 3);
    /// <summary>Group: joins a container. Argument: user address of its file descriptor, 32 bits.</summary>
    public const uint VFIO_GROUP_SET_CONTAINER = (VFIO_TYPE << 8) | (VFIO_BASE + 4);
    /// <summary>Group: leaves its container. No argument.</summary>
    public const uint VFIO_GROUP_UNSET_CONTAINER = (VFIO_TYPE << 8) | (VFIO_BASE + 5);
    /// <summary>
    /// Group: returns a file descriptor of a device. Argument: user address of its name, zero-terminated.
    /// </summary>
    public const uint VFIO_GROUP_GET_DEVICE_FD = (VFIO_TYPE << 8) | (VFIO_BASE + 6);
    /// <summary>
    /// Container, type 1: returns page sizes, IOVA ranges and limits. Argument: <see cref="VfioIommuType1Info"/>.
    /// </summary>
    public const uint VFIO_IOMMU_GET_INFO = (VFIO_TYPE << 8) | (VFIO_BASE + 12);
    /// <summary>Container, type 1: maps memory of the caller. Argument: <see cref="VfioIommuType1DmaMap"/>.</summary>
    public const uint VFIO_IOMMU_MAP_DMA = (VFIO_TYPE << 8) | (VFIO_BASE + 13);
    /// <summary>Container, type 1: removes mappings. Argument: <see cref="VfioIommuType1DmaUnmap"/>.</summary>
    public const uint VFIO_IOMMU_UNMAP_DMA = (VFIO_TYPE << 8) | (VFIO_BASE + 14);
    /// <summary>
    /// Container, type 1: starts, stops or reads dirty page logging. Argument: <see cref="VfioIommuType1DirtyBitmap"/>.
    /// </summary>
    public const uint VFIO_IOMMU_DIRTY_PAGES = (VFIO_TYPE << 8) | (VFIO_BASE + 17);

    /// <summary>Extension: an IOMMU with map and unmap whose mappings may be split on unmap.</summary>
    public const uint VFIO_TYPE1_IOMMU = 1;
    /// <summary>Extension: as <see cref="VFIO_TYPE1_IOMMU"/>, but an unmap must not split a mapping.</summary>
    public const uint VFIO_TYPE1v2_IOMMU = 3;
    /// <summary>Extension: DMA is always cache-coherent, whatever the device requests.</summary>
    public const uint VFIO_DMA_CC_IOMMU = 4;
    /// <summary>Extension: no translation.</summary>
    public const uint VFIO_NOIOMMU_IOMMU = 8;
    /// <summary>Extension: <see cref="VFIO_DMA_UNMAP_FLAG_ALL"/> is supported.</summary>
    public const uint VFIO_UNMAP_ALL = 9;
    /// <summary>Extension: the VADDR flags of map and unmap are supported.</summary>
    public const uint VFIO_UPDATE_VADDR = 10;

    /// <summary>Flag of <see cref="VfioGroupStatus"/>: every device of the group is safe to hand out.</summary>
    public const uint VFIO_GROUP_FLAGS_VIABLE = 1 << 0;
    /// <summary>Flag of <see cref="VfioGroupStatus"/>: the group is in a container.</summary>
    public const uint VFIO_GROUP_FLAGS_CONTAINER_SET = 1 << 1;

    /// <summary>Flag of <see cref="VfioIommuType1Info"/>: the page sizes are filled in.</summary>
    public const uint VFIO_IOMMU_INFO_PGSIZES = 1 << 0;
    /// <summary>Flag of <see cref="VfioIommuType1Info"/>: there is a capability chain.</summary>
    public const uint VFIO_IOMMU_INFO_CAPS = 1 << 1;
    /// <summary>Capability ID: <see cref="VfioIommuType1InfoCapIovaRange"/>.</summary>
    public const ushort VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE = 1;
    /// <summary>Capability ID: <see cref="VfioIommuType1InfoCapMigration"/>.</summary>
    public const ushort VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION = 2;
    /// <summary>Capability ID: <see cref="VfioIommuType1InfoDmaAvail"/>.</summary>
    public const ushort VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL = 3;

    /// <summary>Flag of <see cref="VfioIommuType1DmaMap"/>: devices may read.</summary>
    public const uint VFIO_DMA_MAP_FLAG_READ = 1 << 0;
    /// <summary>Flag of <see cref="VfioIommuType1DmaMap"/>: devices may write.</summary>
    public const uint VFIO_DMA_MAP_FLAG_WRITE = 1 << 1;
    /// <summary>
    /// Flag of <see cref="VfioIommuType1DmaMap"/>: gives an existing mapping its new user address; no other flag may be
    /// set.
    /// </summary>
    public const uint VFIO_DMA_MAP_FLAG_VADDR = 1 << 2;

    /// <summary>
    /// Flag of <see cref="VfioIommuType1DmaUnmap"/>: a <see cref="VfioBitmap"/> follows, to be filled before the unmap.
    /// </summary>
    public const uint VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP = 1 << 0;
    /// <summary>Flag of <see cref="VfioIommuType1DmaUnmap"/>: everything; IOVA and size are 0.</summary>
    public const uint VFIO_DMA_UNMAP_FLAG_ALL = 1 << 1;
    /// <summary>
    /// Flag of <see cref="VfioIommuType1DmaUnmap"/>: the mapping stays, its user address becomes invalid.
    /// </summary>
    public const uint VFIO_DMA_UNMAP_FLAG_VADDR = 1 << 2;

    /// <summary>Flag of <see cref="VfioIommuType1DirtyBitmap"/>: start logging.</summary>
    public const uint VFIO_IOMMU_DIRTY_PAGES_FLAG_START = 1 << 0;
    /// <summary>Flag of <see cref="VfioIommuType1DirtyBitmap"/>: stop logging.</summary>
    public const uint VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP = 1 << 1;
    /// <summary>
    /// Flag of <see cref="VfioIommuType1DirtyBitmap"/>: a <see cref="VfioIommuType1DirtyBitmapGet"/> follows, to be
    /// filled.
    /// </summary>
    public const uint VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP = 1 << 2;
}
