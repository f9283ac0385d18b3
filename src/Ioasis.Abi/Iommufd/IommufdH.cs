namespace Ioasis.Abi;

/// <summary>The constants of linux/iommufd.h (Linux 7.2), the uAPI of /dev/iommu. Names are Linux's own.</summary>
public static partial class IommufdH
{
    /// <summary>The _IOC type of every ioctl of /dev/iommu.</summary>
    public const uint IOMMUFD_TYPE = ';';

    /// <summary>Lowest command number of iommufd. Lower numbers belong to VFIO, which has the same type.</summary>
    public const uint IOMMUFD_CMD_BASE = 0x80;
    /// <summary>Command number of <see cref="IOMMU_DESTROY"/>.</summary>
    public const uint IOMMUFD_CMD_DESTROY = IOMMUFD_CMD_BASE;
    /// <summary>Command number of <see cref="IOMMU_IOAS_ALLOC"/>.</summary>
    public const uint IOMMUFD_CMD_IOAS_ALLOC = 0x81;
    /// <summary>Command number of <see cref="IOMMU_IOAS_ALLOW_IOVAS"/>.</summary>
    public const uint IOMMUFD_CMD_IOAS_ALLOW_IOVAS = 0x82;
    /// <summary>Command number of <see cref="IOMMU_IOAS_COPY"/>.</summary>
    public const uint IOMMUFD_CMD_IOAS_COPY = 0x83;
    /// <summary>Command number of <see cref="IOMMU_IOAS_IOVA_RANGES"/>.</summary>
    public const uint IOMMUFD_CMD_IOAS_IOVA_RANGES = 0x84;
    /// <summary>Command number of <see cref="IOMMU_IOAS_MAP"/>.</summary>
    public const uint IOMMUFD_CMD_IOAS_MAP = 0x85;
    /// <summary>Command number of <see cref="IOMMU_IOAS_UNMAP"/>.</summary>
    public const uint IOMMUFD_CMD_IOAS_UNMAP = 0x86;
    /// <summary>Command number of <see cref="IOMMU_OPTION"/>.</summary>
    public const uint IOMMUFD_CMD_OPTION = 0x87;
    /// <summary>Command number of <see cref="IOMMU_VFIO_IOAS"/>.</summary>
    public const uint IOMMUFD_CMD_VFIO_IOAS = 0x88;
    /// <summary>Command number of <see cref="IOMMU_HWPT_ALLOC"/>.</summary>
    public const uint IOMMUFD_CMD_HWPT_ALLOC = 0x89;
    /// <summary>Command number of <see cref="IOMMU_GET_HW_INFO"/>.</summary>
    public const uint IOMMUFD_CMD_GET_HW_INFO = 0x8a;
    /// <summary>Command number of <see cref="IOMMU_HWPT_SET_DIRTY_TRACKING"/>.</summary>
    public const uint IOMMUFD_CMD_HWPT_SET_DIRTY_TRACKING = 0x8b;
    /// <summary>Command number of <see cref="IOMMU_HWPT_GET_DIRTY_BITMAP"/>.</summary>
    public const uint IOMMUFD_CMD_HWPT_GET_DIRTY_BITMAP = 0x8c;
    /// <summary>Command number of <see cref="IOMMU_HWPT_INVALIDATE"/>.</summary>
    public const uint IOMMUFD_CMD_HWPT_INVALIDATE = 0x8d;
    /// <summary>Command number of <see cref="IOMMU_FAULT_QUEUE_ALLOC"/>.</summary>
    public const uint IOMMUFD_CMD_FAULT_QUEUE_ALLOC = 0x8e;
    /// <summary>Command number of <see cref="IOMMU_IOAS_MAP_FILE"/>.</summary>
    public const uint IOMMUFD_CMD_IOAS_MAP_FILE = 0x8f;
    /// <summary>Command number of <see cref="IOMMU_VIOMMU_ALLOC"/>.</summary>
    public const uint IOMMUFD_CMD_VIOMMU_ALLOC = 0x90;
    /// <summary>Command number of <see cref="IOMMU_VDEVICE_ALLOC"/>.</summary>
    public const uint IOMMUFD_CMD_VDEVICE_ALLOC = 0x91;
    /// <summary>Command number of <see cref="IOMMU_IOAS_CHANGE_PROCESS"/>.</summary>
    public const uint IOMMUFD_CMD_IOAS_CHANGE_PROCESS = 0x92;
    /// <summary>Command number of <see cref="IOMMU_VEVENTQ_ALLOC"/>.</summary>
    public const uint IOMMUFD_CMD_VEVENTQ_ALLOC = 0x93;
    /// <summary>Command number of <see cref="IOMMU_HW_QUEUE_ALLOC"/>.</summary>
    public const uint IOMMUFD_CMD_HW_QUEUE_ALLOC = 0x94;

    /// <summary>Destroys any object by its ID. Argument: <see cref="IommuDestroy"/>.</summary>
    public const uint IOMMU_DESTROY = (IOMMUFD_TYPE << 8) | IOMMUFD_CMD_DESTROY;
    /// <summary>Makes an empty IOAS. Argument: <see cref="IommuIoasAlloc"/>.</summary>
    public const uint IOMMU_IOAS_ALLOC = (IOMMUFD_TYPE << 8) | IOMMUFD_CMD_IOAS_ALLOC;
    /// <summary>
    /// Replaces the list of IOVA ranges that must stay usable. Argument: <see cref="IommuIoasAllowIovas"/>.
    /// </summary>
    public const uint IOMMU_IOAS_ALLOW_IOVAS = (IOMMUFD_TYPE << 8) | IOMMUFD_CMD_IOAS_ALLOW_IOVAS;
    /// <summary>Maps memory that one IOAS maps into another IOAS. Argument: <see cref="IommuIoasCopy"/>.</summary>
    public const uint IOMMU_IOAS_COPY = (IOMMUFD_TYPE << 8) | IOMMUFD_CMD_IOAS_COPY;
    /// <summary>Reports the usable IOVA ranges of an IOAS. Argument: <see cref="IommuIoasIovaRanges"/>.</summary>
    public const uint IOMMU_IOAS_IOVA_RANGES = (IOMMUFD_TYPE << 8) | IOMMUFD_CMD_IOAS_IOVA_RANGES;
    /// <summary>Maps memory of the caller. Argument: <see cref="IommuIoasMap"/>.</summary>
    public const uint IOMMU_IOAS_MAP = (IOMMUFD_TYPE << 8) | IOMMUFD_CMD_IOAS_MAP;
    /// <summary>Removes whole mappings. Argument: <see cref="IommuIoasUnmap"/>.</summary>
    public const uint IOMMU_IOAS_UNMAP = (IOMMUFD_TYPE << 8) | IOMMUFD_CMD_IOAS_UNMAP;
    /// <summary>Reads or sets an option. Argument: <see cref="IommuOption"/>.</summary>
    public const uint IOMMU_OPTION = (IOMMUFD_TYPE << 8) | IOMMUFD_CMD_OPTION;
    /// <summary>
    /// Reads, sets or clears the IOAS of the VFIO container emulation. Argument: <see cref="IommuVfioIoas"/>.
    /// </summary>
    public const uint IOMMU_VFIO_IOAS = (IOMMUFD_TYPE << 8) | IOMMUFD_CMD_VFIO_IOAS;
    /// <summary>Makes a HWPT, paging or nested. Argument: <see cref="IommuHwptAlloc"/>.</summary>
    public const uint IOMMU_HWPT_ALLOC = (IOMMUFD_TYPE << 8) | IOMMUFD_CMD_HWPT_ALLOC;
    /// <summary>Reports what the IOMMU of a device can do. Argument: <see cref="IommuHwInfo"/>.</summary>
    public const uint IOMMU_GET_HW_INFO = (IOMMUFD_TYPE << 8) | IOMMUFD_CMD_GET_HW_INFO;
    /// <summary>Turns dirty tracking on or off. Argument: <see cref="IommuHwptSetDirtyTracking"/>.</summary>
    public const uint IOMMU_HWPT_SET_DIRTY_TRACKING = (IOMMUFD_TYPE << 8) | IOMMUFD_CMD_HWPT_SET_DIRTY_TRACKING;
    /// <summary>Reads which IOVA devices have written. Argument: <see cref="IommuHwptGetDirtyBitmap"/>.</summary>
    public const uint IOMMU_HWPT_GET_DIRTY_BITMAP = (IOMMUFD_TYPE << 8) | IOMMUFD_CMD_HWPT_GET_DIRTY_BITMAP;
    /// <summary>Invalidates caches of a nested HWPT or a vIOMMU. Argument: <see cref="IommuHwptInvalidate"/>.</summary>
    public const uint IOMMU_HWPT_INVALIDATE = (IOMMUFD_TYPE << 8) | IOMMUFD_CMD_HWPT_INVALIDATE;
    /// <summary>Makes a fault queue and its fd. Argument: <see cref="IommuFaultAlloc"/>.</summary>
    public const uint IOMMU_FAULT_QUEUE_ALLOC = (IOMMUFD_TYPE << 8) | IOMMUFD_CMD_FAULT_QUEUE_ALLOC;
    /// <summary>Maps a range of a memfd. Argument: <see cref="IommuIoasMapFile"/>.</summary>
    public const uint IOMMU_IOAS_MAP_FILE = (IOMMUFD_TYPE << 8) | IOMMUFD_CMD_IOAS_MAP_FILE;
    /// <summary>Makes a vIOMMU on a nest parent. Argument: <see cref="IommuViommuAlloc"/>.</summary>
    public const uint IOMMU_VIOMMU_ALLOC = (IOMMUFD_TYPE << 8) | IOMMUFD_CMD_VIOMMU_ALLOC;
    /// <summary>Tells a vIOMMU the guest's ID of a device. Argument: <see cref="IommuVdeviceAlloc"/>.</summary>
    public const uint IOMMU_VDEVICE_ALLOC = (IOMMUFD_TYPE << 8) | IOMMUFD_CMD_VDEVICE_ALLOC;
    /// <summary>
    /// Charges all pinned memory to the calling process. Argument: <see cref="IommuIoasChangeProcess"/>.
    /// </summary>
    public const uint IOMMU_IOAS_CHANGE_PROCESS = (IOMMUFD_TYPE << 8) | IOMMUFD_CMD_IOAS_CHANGE_PROCESS;
    /// <summary>Makes an event queue of a vIOMMU and its fd. Argument: <see cref="IommuVeventqAlloc"/>.</summary>
    public const uint IOMMU_VEVENTQ_ALLOC = (IOMMUFD_TYPE << 8) | IOMMUFD_CMD_VEVENTQ_ALLOC;
    /// <summary>
    /// Hands a queue in guest memory to the hardware behind a vIOMMU. Argument: <see cref="IommuHwQueueAlloc"/>.
    /// </summary>
    public const uint IOMMU_HW_QUEUE_ALLOC = (IOMMUFD_TYPE << 8) | IOMMUFD_CMD_HW_QUEUE_ALLOC;
}
