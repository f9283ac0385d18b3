using System.Runtime.InteropServices;

namespace Ioasis.Abi;

/// <summary>
/// struct vfio_group_status of linux/vfio.h. The argument of <see cref="VfioH.VFIO_GROUP_GET_STATUS"/>.
/// </summary>
[LinuxStruct("vfio_group_status")]
[StructLayout(LayoutKind.Sequential)]
public struct VfioGroupStatus
{
    /// <summary>Bytes of the caller's buffer: this structure and anything after it.</summary>
    public uint Argsz;

    /// <summary>Out: VFIO_GROUP_FLAGS_* bits.</summary>
    public uint Flags;
}

/// <summary>
/// struct vfio_iommu_type1_info of linux/vfio.h. The argument of <see cref="VfioH.VFIO_IOMMU_GET_INFO"/>.
/// </summary>
[LinuxStruct("vfio_iommu_type1_info")]
[StructLayout(LayoutKind.Sequential)]
public struct VfioIommuType1Info
{
    /// <summary>
    /// In: bytes of the caller's buffer: this structure and anything after it. Out: bytes that the answer needs.
    /// </summary>
    public uint Argsz;

    /// <summary>Out: VFIO_IOMMU_INFO_* bits.</summary>
    public uint Flags;

    /// <summary>Out: page sizes; bit n stands for 2^n bytes.</summary>
    public ulong IovaPgsizes;

    /// <summary>Out: offset in bytes of the first capability from the start of this structure; 0 for none.</summary>
    public uint CapOffset;

    /// <summary>Padding.</summary>
    public uint Pad;
}

/// <summary>struct vfio_iova_range of linux/vfio.h. A range of IOVA, both ends inclusive.</summary>
[LinuxStruct("vfio_iova_range")]
[StructLayout(LayoutKind.Sequential)]
public struct VfioIovaRange
{
    /// <summary>First IOVA.</summary>
    public ulong Start;

    /// <summary>Last IOVA, inclusive despite the name.</summary>
    public ulong End;
}

/// <summary>
/// struct vfio_iommu_type1_info_cap_iova_range of linux/vfio.h. Capability
/// <see cref="VfioH.VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE"/>: the usable IOVA. The array iova_ranges of
/// <see cref="VfioIovaRange"/> follows; it is not a field here.
/// </summary>
[LinuxStruct("vfio_iommu_type1_info_cap_iova_range")]
[StructLayout(LayoutKind.Sequential)]
public struct VfioIommuType1InfoCapIovaRange
{
    /// <summary>Header of the capability.</summary>
    public VfioInfoCapHeader Header;

    /// <summary>Elements of the array.</summary>
    public uint NrIovas;

    /// <summary>0.</summary>
    public uint Reserved;
}

/// <summary>
/// struct vfio_iommu_type1_info_cap_migration of linux/vfio.h. Capability
/// <see cref="VfioH.VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION"/>: dirty page logging is supported.
/// </summary>
[LinuxStruct("vfio_iommu_type1_info_cap_migration")]
[StructLayout(LayoutKind.Sequential)]
public struct VfioIommuType1InfoCapMigration
{
    /// <summary>Header of the capability.</summary>
    public VfioInfoCapHeader Header;

    /// <summary>0.</summary>
    public uint Flags;

    /// <summary>Page sizes of the log; bit n stands for 2^n bytes.</summary>
    public ulong PgsizeBitmap;

    /// <summary>Bytes of the largest bitmap.</summary>
    public ulong MaxDirtyBitmapSize;
}

/// <summary>
/// struct vfio_iommu_type1_info_dma_avail of linux/vfio.h. Capability
/// <see cref="VfioH.VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL"/>: the number of mappings left.
/// </summary>
[LinuxStruct("vfio_iommu_type1_info_dma_avail")]
[StructLayout(LayoutKind.Sequential)]
public struct VfioIommuType1InfoDmaAvail
{
    /// <summary>Header of the capability.</summary>
    public VfioInfoCapHeader Header;

    /// <summary>Mappings that can still be made.</summary>
    public uint Avail;
}
