using System.Runtime.InteropServices;

namespace Ioasis.Abi;

/// <summary>struct iommu_destroy of linux/iommufd.h. The argument of <see cref="IommufdH.IOMMU_DESTROY"/>.</summary>
[LinuxStruct("iommu_destroy")]
[StructLayout(LayoutKind.Sequential)]
public struct IommuDestroy
{
    /// <summary>Bytes of this structure, as the caller knows it.</summary>
    public uint Size;

    /// <summary>ID of the object to destroy.</summary>
    public uint Id;
}

/// <summary>
/// struct iommu_ioas_alloc of linux/iommufd.h. The argument of <see cref="IommufdH.IOMMU_IOAS_ALLOC"/>.
/// </summary>
[LinuxStruct("iommu_ioas_alloc")]
[StructLayout(LayoutKind.Sequential)]
public struct IommuIoasAlloc
{
    /// <summary>Bytes of this structure, as the caller knows it.</summary>
    public uint Size;

    /// <summary>Must be 0.</summary>
    public uint Flags;

    /// <summary>Out: ID of the new IOAS.</summary>
    public uint OutIoasId;
}

/// <summary>struct iommu_iova_range of linux/iommufd.h. A range of IOVA, both ends inclusive.</summary>
[LinuxStruct("iommu_iova_range")]
[StructLayout(LayoutKind.Sequential)]
public struct IommuIovaRange
{
    /// <summary>First IOVA.</summary>
    public ulong Start;

    /// <summary>Last IOVA, inclusive.</summary>
    public ulong Last;
}

/// <summary>
/// struct iommu_ioas_iova_ranges of linux/iommufd.h. The argument of <see cref="IommufdH.IOMMU_IOAS_IOVA_RANGES"/>.
/// EMSGSIZE if the array is too short.
/// </summary>
[LinuxStruct("iommu_ioas_iova_ranges")]
[StructLayout(LayoutKind.Sequential)]
public struct IommuIoasIovaRanges
{
    /// <summary>Bytes of this structure, as the caller knows it.</summary>
    public uint Size;

    /// <summary>ID of the IOAS.</summary>
    public uint IoasId;

    /// <summary>In: capacity of the array. Out: number of ranges.</summary>
    public uint NumIovas;

    /// <summary>Must be 0.</summary>
    [LinuxField("__reserved")]
    public uint Reserved;

    /// <summary>User address of an array of <see cref="IommuIovaRange"/> to fill.</summary>
    public ulong AllowedIovas;

    /// <summary>Out: alignment of both ends of a mapping, in bytes; a power of two, at most a page.</summary>
    public ulong OutIovaAlignment;
}

/// <summary>
/// struct iommu_ioas_allow_iovas of linux/iommufd.h. The argument of <see cref="IommufdH.IOMMU_IOAS_ALLOW_IOVAS"/>.
/// </summary>
[LinuxStruct("iommu_ioas_allow_iovas")]
[StructLayout(LayoutKind.Sequential)]
public struct IommuIoasAllowIovas
{
    /// <summary>Bytes of this structure, as the caller knows it.</summary>
    public uint Size;

    /// <summary>ID of the IOAS.</summary>
    public uint IoasId;

    /// <summary>Elements of the array; 0 empties the list.</summary>
    public uint NumIovas;

    /// <summary>Must be 0.</summary>
    [LinuxField("__reserved")]
    public uint Reserved;

    /// <summary>User address of an array of <see cref="IommuIovaRange"/>.</summary>
    public ulong AllowedIovas;
}

/// <summary>struct iommu_ioas_map of linux/iommufd.h. The argument of <see cref="IommufdH.IOMMU_IOAS_MAP"/>.</summary>
[LinuxStruct("iommu_ioas_map")]
[StructLayout(LayoutKind.Sequential)]
public struct IommuIoasMap
{
    /// <summary>Bytes of this structure, as the caller knows it.</summary>
    public uint Size;

    /// <summary>IOMMU_IOAS_MAP_* bits.</summary>
    public uint Flags;

    /// <summary>ID of the IOAS.</summary>
    public uint IoasId;

    /// <summary>Must be 0.</summary>
    [LinuxField("__reserved")]
    public uint Reserved;

    /// <summary>User address of the first byte to map.</summary>
    public ulong UserVa;

    /// <summary>Bytes to map.</summary>
    public ulong Length;

    /// <summary>IOVA of the mapping. In with <see cref="IommufdH.IOMMU_IOAS_MAP_FIXED_IOVA"/>, out without.</summary>
    public ulong Iova;
}

/// <summary>
/// struct iommu_ioas_map_file of linux/iommufd.h. The argument of <see cref="IommufdH.IOMMU_IOAS_MAP_FILE"/>.
/// </summary>
[LinuxStruct("iommu_ioas_map_file")]
[StructLayout(LayoutKind.Sequential)]
public struct IommuIoasMapFile
{
    /// <summary>Bytes of this structure, as the caller knows it.</summary>
    public uint Size;

    /// <summary>IOMMU_IOAS_MAP_* bits.</summary>
    public uint Flags;

    /// <summary>ID of the IOAS.</summary>
    public uint IoasId;

    /// <summary>File descriptor of a memfd, or of a dma-buf where these are accepted.</summary>
    public int Fd;

    /// <summary>Offset into the file of the first byte to map.</summary>
    public ulong Start;

    /// <summary>Bytes to map.</summary>
    public ulong Length;

    /// <summary>IOVA of the mapping. In with <see cref="IommufdH.IOMMU_IOAS_MAP_FIXED_IOVA"/>, out without.</summary>
    public ulong Iova;
}

/// <summary>
/// struct iommu_ioas_copy of linux/iommufd.h. The argument of <see cref="IommufdH.IOMMU_IOAS_COPY"/>.
/// </summary>
[LinuxStruct("iommu_ioas_copy")]
[StructLayout(LayoutKind.Sequential)]
public struct IommuIoasCopy
{
    /// <summary>Bytes of this structure, as the caller knows it.</summary>
    public uint Size;

    /// <summary>IOMMU_IOAS_MAP_* bits of the new mapping.</summary>
    public uint Flags;

    /// <summary>ID of the IOAS to map into.</summary>
    public uint DstIoasId;

    /// <summary>ID of the IOAS to copy from.</summary>
    public uint SrcIoasId;

    /// <summary>Bytes to copy.</summary>
    public ulong Length;

    /// <summary>
    /// IOVA of the new mapping. In with <see cref="IommufdH.IOMMU_IOAS_MAP_FIXED_IOVA"/>, out without.
    /// </summary>
    public ulong DstIova;

    /// <summary>IOVA of the first byte to copy.</summary>
    public ulong SrcIova;
}

/// <summary>
/// struct iommu_ioas_unmap of linux/iommufd.h. The argument of <see cref="IommufdH.IOMMU_IOAS_UNMAP"/>. The range must
/// contain mappings as a whole. IOVA 0 with the largest length is everything.
/// </summary>
[LinuxStruct("iommu_ioas_unmap")]
[StructLayout(LayoutKind.Sequential)]
public struct IommuIoasUnmap
{
    /// <summary>Bytes of this structure, as the caller knows it.</summary>
    public uint Size;

    /// <summary>ID of the IOAS.</summary>
    public uint IoasId;

    /// <summary>First IOVA.</summary>
    public ulong Iova;

    /// <summary>In: bytes of the range. Out: bytes unmapped.</summary>
    public ulong Length;
}

/// <summary>
/// struct iommu_ioas_change_process of linux/iommufd.h. The argument of
/// <see cref="IommufdH.IOMMU_IOAS_CHANGE_PROCESS"/>.
/// </summary>
[LinuxStruct("iommu_ioas_change_process")]
[StructLayout(LayoutKind.Sequential)]
public struct IommuIoasChangeProcess
{
    /// <summary>Bytes of this structure, as the caller knows it.</summary>
    public uint Size;

    /// <summary>Must be 0.</summary>
    [LinuxField("__reserved")]
    public uint Reserved;
}

/// <summary>struct iommu_option of linux/iommufd.h. The argument of <see cref="IommufdH.IOMMU_OPTION"/>.</summary>
[LinuxStruct("iommu_option")]
[StructLayout(LayoutKind.Sequential)]
public struct IommuOption
{
    /// <summary>Bytes of this structure, as the caller knows it.</summary>
    public uint Size;

    /// <summary>IOMMU_OPTION_RLIMIT_MODE or IOMMU_OPTION_HUGE_PAGES.</summary>
    public uint OptionId;

    /// <summary><see cref="IommufdH.IOMMU_OPTION_OP_SET"/> or <see cref="IommufdH.IOMMU_OPTION_OP_GET"/>.</summary>
    public ushort Op;

    /// <summary>Must be 0.</summary>
    [LinuxField("__reserved")]
    public ushort Reserved;

    /// <summary>ID of the object that the option belongs to; 0 for a global option.</summary>
    public uint ObjectId;

    /// <summary>The value: in on set, out on get.</summary>
    public ulong Val64;
}

/// <summary>
/// struct iommu_vfio_ioas of linux/iommufd.h. The argument of <see cref="IommufdH.IOMMU_VFIO_IOAS"/>.
/// </summary>
[LinuxStruct("iommu_vfio_ioas")]
[StructLayout(LayoutKind.Sequential)]
public struct IommuVfioIoas
{
    /// <summary>Bytes of this structure, as the caller knows it.</summary>
    public uint Size;

    /// <summary>ID of the IOAS: in on set, out on get.</summary>
    public uint IoasId;

    /// <summary>IOMMU_VFIO_IOAS_GET, _SET or _CLEAR.</summary>
    public ushort Op;

    /// <summary>Must be 0.</summary>
    [LinuxField("__reserved")]
    public ushort Reserved;
}
