namespace Ioasis.Abi;

public static partial class VfioH
{
    /// <summary>Flag of <see cref="VfioDeviceInfo"/>: the device can be reset.</summary>
    public const uint VFIO_DEVICE_FLAGS_RESET = 1 << 0;
    /// <summary>
    /// Flag of <see cref="VfioDeviceInfo"/>: a PCI device; regions and interrupts have the VFIO_PCI_* indexes.
    /// </summary>
    public const uint VFIO_DEVICE_FLAGS_PCI = 1 << 1;
    /// <summary>Flag of <see cref="VfioDeviceInfo"/>: there is a capability chain.</summary>
    public const uint VFIO_DEVICE_FLAGS_CAPS = 1 << 7;
    /// <summary>Value of the attribute device_api of a mediated PCI device's type.</summary>
    public const string VFIO_DEVICE_API_PCI_STRING = "vfio-pci";

    /// <summary>Capability ID: <see cref="VfioDeviceInfoCapPciAtomicComp"/>.</summary>
    public const ushort VFIO_DEVICE_INFO_CAP_PCI_ATOMIC_COMP = 5;
    /// <summary>Flag of <see cref="VfioDeviceInfoCapPciAtomicComp"/>: the root completes 32-bit AtomicOps.</summary>
    public const uint VFIO_PCI_ATOMIC_COMP32 = 1 << 0;
    /// <summary>Flag of <see cref="VfioDeviceInfoCapPciAtomicComp"/>: the root completes 64-bit AtomicOps.</summary>
    public const uint VFIO_PCI_ATOMIC_COMP64 = 1 << 1;
    /// <summary>
    /// Flag of <see cref="VfioDeviceInfoCapPciAtomicComp"/>: the root completes 128-bit compare-and-swap.
    /// </summary>
    public const uint VFIO_PCI_ATOMIC_COMP128 = 1 << 2;

    /// <summary>Flag of <see cref="VfioRegionInfo"/>: the region can be read.</summary>
    public const uint VFIO_REGION_INFO_FLAG_READ = 1 << 0;
    /// <summary>Flag of <see cref="VfioRegionInfo"/>: the region can be written.</summary>
    public const uint VFIO_REGION_INFO_FLAG_WRITE = 1 << 1;
    /// <summary>Flag of <see cref="VfioRegionInfo"/>: the region can be mapped.</summary>
    public const uint VFIO_REGION_INFO_FLAG_MMAP = 1 << 2;
    /// <summary>Flag of <see cref="VfioRegionInfo"/>: there is a capability chain.</summary>
    public const uint VFIO_REGION_INFO_FLAG_CAPS = 1 << 3;
    /// <summary>Capability ID: <see cref="VfioRegionInfoCapSparseMmap"/>.</summary>
    public const ushort VFIO_REGION_INFO_CAP_SPARSE_MMAP = 1;
    /// <summary>Capability ID: <see cref="VfioRegionInfoCapType"/>.</summary>
    public const ushort VFIO_REGION_INFO_CAP_TYPE = 2;
    /// <summary>Capability ID, header only: the MSI-X table's pages may be mapped too.</summary>
    public const ushort VFIO_REGION_INFO_CAP_MSIX_MAPPABLE = 3;
    /// <summary>
    /// Bit of a region's type: the other bits are a PCI vendor ID. Negative in C; unsigned here, like the field.
    /// </summary>
    public const uint VFIO_REGION_TYPE_PCI_VENDOR_TYPE = 1u << 31;
    /// <summary>Mask of the PCI vendor ID in a region's type.</summary>
    public const uint VFIO_REGION_TYPE_PCI_VENDOR_MASK = 0xffff;

    /// <summary>Flag of <see cref="VfioDeviceIoeventfd"/>: a write of 1 byte.</summary>
    public const uint VFIO_DEVICE_IOEVENTFD_8 = 1 << 0;
    /// <summary>Flag of <see cref="VfioDeviceIoeventfd"/>: a write of 2 bytes.</summary>
    public const uint VFIO_DEVICE_IOEVENTFD_16 = 1 << 1;
    /// <summary>Flag of <see cref="VfioDeviceIoeventfd"/>: a write of 4 bytes.</summary>
    public const uint VFIO_DEVICE_IOEVENTFD_32 = 1 << 2;
    /// <summary>Flag of <see cref="VfioDeviceIoeventfd"/>: a write of 8 bytes.</summary>
    public const uint VFIO_DEVICE_IOEVENTFD_64 = 1 << 3;
    /// <summary>Mask of the size flags of <see cref="VfioDeviceIoeventfd"/>; exactly one is set.</summary>
    public const uint VFIO_DEVICE_IOEVENTFD_SIZE_MASK = 0xf;

    /// <summary>Flag of <see cref="VfioDeviceBindIommufd"/>: the token's address is valid.</summary>
    public const uint VFIO_DEVICE_BIND_FLAG_TOKEN = 1 << 0;
    /// <summary>Flag of <see cref="VfioDeviceAttachIommufdPt"/>: the PASID is attached, not the RID.</summary>
    public const uint VFIO_DEVICE_ATTACH_PASID = 1 << 0;
    /// <summary>Flag of <see cref="VfioDeviceDetachIommufdPt"/>: the PASID is detached, not the RID.</summary>
    public const uint VFIO_DEVICE_DETACH_PASID = 1 << 0;
}
