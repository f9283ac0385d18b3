using System.Runtime.InteropServices;

namespace Ioasis.Abi;

/// <summary>
/// struct vfio_iommu_type1_dma_map of linux/vfio.h. The argument of <see cref="VfioH.VFIO_IOMMU_MAP_DMA"/>.
/// </summary>
[LinuxStruct("vfio_iommu_type1_dma_map")]
[StructLayout(LayoutKind.Sequential)]
public struct VfioIommuType1DmaMap
{
    /// <summary>Bytes of the caller's buffer: this structure and anything after it.</summary>
    public uint Argsz;

    /// <summary>VFIO_DMA_MAP_FLAG_* bits.</summary>
    public uint Flags;

    /// <summary>User address of the first byte to map.</summary>
    public ulong Vaddr;

    /// <summary>IOVA of the mapping.</summary>
    public ulong Iova;

    /// <summary>Bytes to map.</summary>
    public ulong Size;
}

/// <summary>struct vfio_bitmap of linux/vfio.h. A bitmap of pages.</summary>
[LinuxStruct("vfio_bitmap")]
[StructLayout(LayoutKind.Sequential)]
public struct VfioBitmap
{
    /// <summary>Bytes of IOVA that one bit stands for.</summary>
    public ulong Pgsize;

    /// <summary>Bytes of the bitmap.</summary>
    public ulong Size;

    /// <summary>User address of the bitmap: 64-bit words, lowest bit first.</summary>
    public ulong Data;
}

/// <summary>
/// struct vfio_iommu_type1_dma_unmap of linux/vfio.h. The argument of <see cref="VfioH.VFIO_IOMMU_UNMAP_DMA"/>. With
/// <see cref="VfioH.VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP"/> a <see cref="VfioBitmap"/> follows, data in Linux; it is
/// not a field here.
/// </summary>
[LinuxStruct("vfio_iommu_type1_dma_unmap")]
[StructLayout(LayoutKind.Sequential)]
public struct VfioIommuType1DmaUnmap
{
    /// <summary>Bytes of the caller's buffer: this structure and anything after it.</summary>
    public uint Argsz;

    /// <summary>VFIO_DMA_UNMAP_FLAG_* bits.</summary>
    public uint Flags;

    /// <summary>First IOVA.</summary>
    public ulong Iova;

    /// <summary>In: bytes of the range. Out: bytes unmapped.</summary>
    public ulong Size;
}

/// <summary>
/// struct vfio_iommu_type1_dirty_bitmap of linux/vfio.h. The argument of <see cref="VfioH.VFIO_IOMMU_DIRTY_PAGES"/>.
/// With <see cref="VfioH.VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP"/> a <see cref="VfioIommuType1DirtyBitmapGet"/>
/// follows, data in Linux; it is not a field here.
/// </summary>
[LinuxStruct("vfio_iommu_type1_dirty_bitmap")]
[StructLayout(LayoutKind.Sequential)]
public struct VfioIommuType1DirtyBitmap
{
    /// <summary>Bytes of the caller's buffer: this structure and anything after it.</summary>
    public uint Argsz;

    /// <summary>Exactly one VFIO_IOMMU_DIRTY_PAGES_FLAG_* bit.</summary>
    public uint Flags;
}

/// <summary>
/// struct vfio_iommu_type1_dirty_bitmap_get of linux/vfio.h. The part of the dirty page log to report.
/// </summary>
[LinuxStruct("vfio_iommu_type1_dirty_bitmap_get")]
[StructLayout(LayoutKind.Sequential)]
public struct VfioIommuType1DirtyBitmapGet
{
    /// <summary>IOVA of the bitmap's first bit.</summary>
    public ulong Iova;

    /// <summary>Bytes of IOVA to look at.</summary>
    public ulong Size;

    /// <summary>The bitmap that receives it.</summary>
    public VfioBitmap Bitmap;
}
