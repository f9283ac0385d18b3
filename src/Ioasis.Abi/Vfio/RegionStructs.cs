using System.Runtime.InteropServices;

namespace Ioasis.Abi;

/// <summary>
/// struct vfio_region_info of linux/vfio.h. The argument of <see cref="VfioH.VFIO_DEVICE_GET_REGION_INFO"/>.
/// </summary>
[LinuxStruct("vfio_region_info")]
[StructLayout(LayoutKind.Sequential)]
public struct VfioRegionInfo
{
    /// <summary>
    /// In: bytes of the caller's buffer: this structure and anything after it. Out: bytes that the answer needs.
    /// </summary>
    public uint Argsz;

    /// <summary>Out: VFIO_REGION_INFO_FLAG_* bits.</summary>
    public uint Flags;

    /// <summary>In: index of the region.</summary>
    public uint Index;

    /// <summary>Out: offset in bytes of the first capability from the start of this structure; 0 for none.</summary>
    public uint CapOffset;

    /// <summary>Out: bytes of the region; 0 if it does not exist.</summary>
    public ulong Size;

    /// <summary>Out: offset in bytes of the region, from the start of the device's file.</summary>
    public ulong Offset;
}

/// <summary>struct vfio_region_sparse_mmap_area of linux/vfio.h. A part of a region that can be mapped.</summary>
[LinuxStruct("vfio_region_sparse_mmap_area")]
[StructLayout(LayoutKind.Sequential)]
public struct VfioRegionSparseMmapArea
{
    /// <summary>Offset in bytes from the start of the region.</summary>
    public ulong Offset;

    /// <summary>Bytes of the part.</summary>
    public ulong Size;
}

/// <summary>
/// struct vfio_region_info_cap_sparse_mmap of linux/vfio.h. Capability
/// <see cref="VfioH.VFIO_REGION_INFO_CAP_SPARSE_MMAP"/>: only parts of the region can be mapped. The array areas of
/// <see cref="VfioRegionSparseMmapArea"/> follows; it is not a field here.
/// </summary>
[LinuxStruct("vfio_region_info_cap_sparse_mmap")]
[StructLayout(LayoutKind.Sequential)]
public struct VfioRegionInfoCapSparseMmap
{
    /// <summary>Header of the capability.</summary>
    public VfioInfoCapHeader Header;

    /// <summary>Elements of the array.</summary>
    public uint NrAreas;

    /// <summary>0.</summary>
    public uint Reserved;
}

/// <summary>
/// struct vfio_region_info_cap_type of linux/vfio.h. Capability <see cref="VfioH.VFIO_REGION_INFO_CAP_TYPE"/>: the type
/// of a region beyond the fixed ones.
/// </summary>
[LinuxStruct("vfio_region_info_cap_type")]
[StructLayout(LayoutKind.Sequential)]
public struct VfioRegionInfoCapType
{
    /// <summary>Header of the capability.</summary>
    public VfioInfoCapHeader Header;

    /// <summary>Its type, e.g. <see cref="VfioH.VFIO_REGION_TYPE_PCI_VENDOR_TYPE"/> with a vendor ID.</summary>
    public uint Type;

    /// <summary>Its subtype within the type.</summary>
    public uint Subtype;
}
