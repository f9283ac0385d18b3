using System.Runtime.InteropServices;

namespace Ioasis.Abi;

/// <summary>struct vfio_pci_dependent_device of linux/vfio.h. A device that a hot reset affects.</summary>
[LinuxStruct("vfio_pci_dependent_device")]
[StructLayout(LayoutKind.Explicit)]
public struct VfioPciDependentDevice
{
    /// <summary>
    /// ID of its group, unless <see cref="VfioH.VFIO_PCI_HOT_RESET_FLAG_DEV_ID"/> is set. The same bytes as
    /// <see cref="Devid"/>.
    /// </summary>
    [FieldOffset(0)]
    public uint GroupId;

    /// <summary>
    /// Its ID in the caller's iommufd or VFIO_PCI_DEVID_*, if that flag is set. The same bytes as
    /// <see cref="GroupId"/>.
    /// </summary>
    [FieldOffset(0)]
    public uint Devid;

    /// <summary>PCI segment (domain).</summary>
    [FieldOffset(4)]
    public ushort Segment;

    /// <summary>PCI bus.</summary>
    [FieldOffset(6)]
    public byte Bus;

    /// <summary>PCI device in the upper 5 bits, function in the lower 3.</summary>
    [FieldOffset(7)]
    public byte Devfn;
}

/// <summary>
/// struct vfio_pci_hot_reset_info of linux/vfio.h. The argument of
/// <see cref="VfioH.VFIO_DEVICE_GET_PCI_HOT_RESET_INFO"/>. The array devices of <see cref="VfioPciDependentDevice"/>
/// follows; it is not a field here. ENOSPC if the array is too short.
/// </summary>
[LinuxStruct("vfio_pci_hot_reset_info")]
[StructLayout(LayoutKind.Sequential)]
public struct VfioPciHotResetInfo
{
    /// <summary>Bytes of the caller's buffer: this structure and anything after it.</summary>
    public uint Argsz;

    /// <summary>Out: VFIO_PCI_HOT_RESET_FLAG_* bits.</summary>
    public uint Flags;

    /// <summary>Out: number of devices.</summary>
    public uint Count;
}

/// <summary>
/// struct vfio_pci_hot_reset of linux/vfio.h. The argument of <see cref="VfioH.VFIO_DEVICE_PCI_HOT_RESET"/>. The array
/// group_fds of 32-bit file descriptors follows; it is not a field here.
/// </summary>
[LinuxStruct("vfio_pci_hot_reset")]
[StructLayout(LayoutKind.Sequential)]
public struct VfioPciHotReset
{
    /// <summary>Bytes of the caller's buffer: this structure and anything after it.</summary>
    public uint Argsz;

    /// <summary>Must be 0.</summary>
    public uint Flags;

    /// <summary>Elements of the array; 0 if the caller's iommufd proves ownership.</summary>
    public uint Count;
}
