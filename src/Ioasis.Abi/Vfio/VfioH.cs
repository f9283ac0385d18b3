namespace Ioasis.Abi;

/// <summary>The constants of linux/vfio.h (Linux 7.2), the uAPI of /dev/vfio/*. Names are Linux's own.</summary>
public static partial class VfioH
{
    /// <summary>What <see cref="VFIO_GET_API_VERSION"/> returns.</summary>
    public const uint VFIO_API_VERSION = 0;
    /// <summary>The _IOC type of every ioctl of VFIO; iommufd has the same.</summary>
    public const uint VFIO_TYPE = ';';
    /// <summary>Command number of VFIO's first ioctl.</summary>
    public const uint VFIO_BASE = 100;

    /// <summary>
    /// Device: returns its kind and how many regions and interrupts it has. Argument: <see cref="VfioDeviceInfo"/>.
    /// </summary>
    public const uint VFIO_DEVICE_GET_INFO = (VFIO_TYPE << 8) | (VFIO_BASE + 7);
    /// <summary>Device: describes one region. Argument: <see cref="VfioRegionInfo"/>.</summary>
    public const uint VFIO_DEVICE_GET_REGION_INFO = (VFIO_TYPE << 8) | (VFIO_BASE + 8);
    /// <summary>Device: describes one kind of interrupt. Argument: <see cref="VfioIrqInfo"/>.</summary>
    public const uint VFIO_DEVICE_GET_IRQ_INFO = (VFIO_TYPE << 8) | (VFIO_BASE + 9);
    /// <summary>Device: connects, masks or triggers interrupts. Argument: <see cref="VfioIrqSet"/>.</summary>
    public const uint VFIO_DEVICE_SET_IRQS = (VFIO_TYPE << 8) | (VFIO_BASE + 10);
    /// <summary>Device: function-level reset. No argument.</summary>
    public const uint VFIO_DEVICE_RESET = (VFIO_TYPE << 8) | (VFIO_BASE + 11);
    /// <summary>
    /// Device: lists the devices that a hot reset affects. Argument: <see cref="VfioPciHotResetInfo"/>.
    /// </summary>
    public const uint VFIO_DEVICE_GET_PCI_HOT_RESET_INFO = (VFIO_TYPE << 8) | (VFIO_BASE + 12);
    /// <summary>Device: resets its bus or slot. Argument: <see cref="VfioPciHotReset"/>.</summary>
    public const uint VFIO_DEVICE_PCI_HOT_RESET = (VFIO_TYPE << 8) | (VFIO_BASE + 13);
    /// <summary>
    /// Device: performs a write whenever an eventfd is signalled. Argument: <see cref="VfioDeviceIoeventfd"/>.
    /// </summary>
    public const uint VFIO_DEVICE_IOEVENTFD = (VFIO_TYPE << 8) | (VFIO_BASE + 16);
    /// <summary>
    /// Device: gets, sets or probes a feature. Argument: <see cref="VfioDeviceFeature"/> and the feature's data.
    /// </summary>
    public const uint VFIO_DEVICE_FEATURE = (VFIO_TYPE << 8) | (VFIO_BASE + 17);
    /// <summary>
    /// Device opened by its own node: binds it to an iommufd. Argument: <see cref="VfioDeviceBindIommufd"/>.
    /// </summary>
    public const uint VFIO_DEVICE_BIND_IOMMUFD = (VFIO_TYPE << 8) | (VFIO_BASE + 18);
    /// <summary>
    /// Bound device: attaches it, or one PASID, to an IOAS or a HWPT. Argument:
    /// <see cref="VfioDeviceAttachIommufdPt"/>.
    /// </summary>
    public const uint VFIO_DEVICE_ATTACH_IOMMUFD_PT = (VFIO_TYPE << 8) | (VFIO_BASE + 19);
    /// <summary>Bound device: detaches it, or one PASID. Argument: <see cref="VfioDeviceDetachIommufdPt"/>.</summary>
    public const uint VFIO_DEVICE_DETACH_IOMMUFD_PT = (VFIO_TYPE << 8) | (VFIO_BASE + 20);
    /// <summary>
    /// Migration data fd: returns the bytes left in pre-copy. Argument: <see cref="VfioPrecopyInfo"/>.
    /// </summary>
    public const uint VFIO_MIG_GET_PRECOPY_INFO = (VFIO_TYPE << 8) | (VFIO_BASE + 21);
}
