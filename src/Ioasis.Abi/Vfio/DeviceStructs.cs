using System.Runtime.InteropServices;

namespace Ioasis.Abi;

/// <summary>
/// struct vfio_info_cap_header of linux/vfio.h. The header of every capability in the chain after an information
/// structure.
/// </summary>
[LinuxStruct("vfio_info_cap_header")]
[StructLayout(LayoutKind.Sequential)]
public struct VfioInfoCapHeader
{
    /// <summary>Capability ID; its meaning depends on the structure.</summary>
    public ushort Id;

    /// <summary>Version of the capability's layout.</summary>
    public ushort Version;

    /// <summary>
    /// Offset in bytes of the next capability from the start of the information structure; 0 for none.
    /// </summary>
    public uint Next;
}

/// <summary>
/// struct vfio_device_info of linux/vfio.h. The argument of <see cref="VfioH.VFIO_DEVICE_GET_INFO"/>.
/// </summary>
[LinuxStruct("vfio_device_info")]
[StructLayout(LayoutKind.Sequential)]
public struct VfioDeviceInfo
{
    /// <summary>
    /// In: bytes of the caller's buffer: this structure and anything after it. Out: bytes that the answer needs.
    /// </summary>
    public uint Argsz;

    /// <summary>Out: VFIO_DEVICE_FLAGS_* bits.</summary>
    public uint Flags;

    /// <summary>Out: number of regions: highest index + 1.</summary>
    public uint NumRegions;

    /// <summary>Out: number of interrupt kinds: highest index + 1.</summary>
    public uint NumIrqs;

    /// <summary>Out: offset in bytes of the first capability from the start of this structure; 0 for none.</summary>
    public uint CapOffset;

    /// <summary>Padding.</summary>
    public uint Pad;
}

/// <summary>
/// struct vfio_device_info_cap_pci_atomic_comp of linux/vfio.h. Capability
/// <see cref="VfioH.VFIO_DEVICE_INFO_CAP_PCI_ATOMIC_COMP"/>: AtomicOps that the root completes.
/// </summary>
[LinuxStruct("vfio_device_info_cap_pci_atomic_comp")]
[StructLayout(LayoutKind.Sequential)]
public struct VfioDeviceInfoCapPciAtomicComp
{
    /// <summary>Header of the capability.</summary>
    public VfioInfoCapHeader Header;

    /// <summary>VFIO_PCI_ATOMIC_COMP* bits.</summary>
    public uint Flags;

    /// <summary>0.</summary>
    public uint Reserved;
}

/// <summary>
/// struct vfio_device_bind_iommufd of linux/vfio.h. The argument of <see cref="VfioH.VFIO_DEVICE_BIND_IOMMUFD"/>.
/// </summary>
[LinuxStruct("vfio_device_bind_iommufd")]
[StructLayout(LayoutKind.Sequential)]
public struct VfioDeviceBindIommufd
{
    /// <summary>Bytes of the caller's buffer: this structure and anything after it.</summary>
    public uint Argsz;

    /// <summary>0 or <see cref="VfioH.VFIO_DEVICE_BIND_FLAG_TOKEN"/>.</summary>
    public uint Flags;

    /// <summary>File descriptor of the iommufd.</summary>
    public int Iommufd;

    /// <summary>Out: ID of the device in that iommufd.</summary>
    public uint OutDevid;

    /// <summary>User address of a UUID of 16 bytes, with <see cref="VfioH.VFIO_DEVICE_BIND_FLAG_TOKEN"/>.</summary>
    public ulong TokenUuidPtr;
}

/// <summary>
/// struct vfio_device_attach_iommufd_pt of linux/vfio.h. The argument of
/// <see cref="VfioH.VFIO_DEVICE_ATTACH_IOMMUFD_PT"/>.
/// </summary>
[LinuxStruct("vfio_device_attach_iommufd_pt")]
[StructLayout(LayoutKind.Sequential)]
public struct VfioDeviceAttachIommufdPt
{
    /// <summary>Bytes of the caller's buffer: this structure and anything after it.</summary>
    public uint Argsz;

    /// <summary>0 or <see cref="VfioH.VFIO_DEVICE_ATTACH_PASID"/>.</summary>
    public uint Flags;

    /// <summary>In: ID of an IOAS or a HWPT. Out: ID of the HWPT attached; for an IOAS, of the one chosen.</summary>
    public uint PtId;

    /// <summary>PASID, with <see cref="VfioH.VFIO_DEVICE_ATTACH_PASID"/>.</summary>
    public uint Pasid;
}

/// <summary>
/// struct vfio_device_detach_iommufd_pt of linux/vfio.h. The argument of
/// <see cref="VfioH.VFIO_DEVICE_DETACH_IOMMUFD_PT"/>.
/// </summary>
[LinuxStruct("vfio_device_detach_iommufd_pt")]
[StructLayout(LayoutKind.Sequential)]
public struct VfioDeviceDetachIommufdPt
{
    /// <summary>Bytes of the caller's buffer: this structure and anything after it.</summary>
    public uint Argsz;

    /// <summary>0 or <see cref="VfioH.VFIO_DEVICE_DETACH_PASID"/>.</summary>
    public uint Flags;

    /// <summary>PASID, with <see cref="VfioH.VFIO_DEVICE_DETACH_PASID"/>.</summary>
    public uint Pasid;
}

/// <summary>
/// struct vfio_device_ioeventfd of linux/vfio.h. The argument of <see cref="VfioH.VFIO_DEVICE_IOEVENTFD"/>.
/// </summary>
[LinuxStruct("vfio_device_ioeventfd")]
[StructLayout(LayoutKind.Sequential)]
public struct VfioDeviceIoeventfd
{
    /// <summary>Bytes of the caller's buffer: this structure and anything after it.</summary>
    public uint Argsz;

    /// <summary>One of VFIO_DEVICE_IOEVENTFD_8 to _64.</summary>
    public uint Flags;

    /// <summary>Offset in bytes of the write, from the start of the device's file.</summary>
    public ulong Offset;

    /// <summary>The value that is written.</summary>
    public ulong Data;

    /// <summary>The eventfd; -1 removes the write.</summary>
    public int Fd;

    /// <summary>Must be 0.</summary>
    public uint Reserved;
}
