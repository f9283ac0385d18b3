using System.Runtime.InteropServices;

namespace Ioasis.Abi;

/// <summary>struct iommu_hwpt_vtd_s1 of linux/iommufd.h. Data of a nested HWPT on Intel VT-d.</summary>
[LinuxStruct("iommu_hwpt_vtd_s1")]
[StructLayout(LayoutKind.Sequential)]
public struct IommuHwptVtdS1 : IHwptData
{
    static uint IHwptData.DataType => IommufdH.IOMMU_HWPT_DATA_VTD_S1;

    /// <summary>IOMMU_VTD_S1_* bits.</summary>
    public ulong Flags;

    /// <summary>Address of the root of the stage-1 table, as the nest parent translates it (GPA).</summary>
    public ulong PgtblAddr;

    /// <summary>Width of stage-1 addresses in bits: 48 or 57.</summary>
    public uint AddrWidth;

    /// <summary>Must be 0.</summary>
    [LinuxField("__reserved")]
    public uint Reserved;
}

/// <summary>struct iommu_hwpt_arm_smmuv3 of linux/iommufd.h. Data of a nested HWPT on Arm SMMUv3.</summary>
[LinuxStruct("iommu_hwpt_arm_smmuv3")]
[StructLayout(LayoutKind.Sequential)]
public struct IommuHwptArmSmmuv3 : IHwptData
{
    static uint IHwptData.DataType => IommufdH.IOMMU_HWPT_DATA_ARM_SMMUV3;

    /// <summary>The first two 64-bit words of the stream table entry, little-endian.</summary>
    public U64x2 Ste;
}

/// <summary>struct iommu_hwpt_amd_guest of linux/iommufd.h. Data of a nested HWPT on AMD-Vi.</summary>
[LinuxStruct("iommu_hwpt_amd_guest")]
[StructLayout(LayoutKind.Sequential)]
public struct IommuHwptAmdGuest : IHwptData
{
    static uint IHwptData.DataType => IommufdH.IOMMU_HWPT_DATA_AMD_GUEST;

    /// <summary>The guest's device table entry.</summary>
    public U64x4 Dte;
}

/// <summary>
/// struct iommu_hwpt_alloc of linux/iommufd.h. The argument of <see cref="IommufdH.IOMMU_HWPT_ALLOC"/>.
/// </summary>
[LinuxStruct("iommu_hwpt_alloc")]
[StructLayout(LayoutKind.Sequential)]
public struct IommuHwptAlloc
{
    /// <summary>Bytes of this structure, as the caller knows it.</summary>
    public uint Size;

    /// <summary>IOMMU_HWPT_ALLOC_* bits and <see cref="IommufdH.IOMMU_HWPT_FAULT_ID_VALID"/>.</summary>
    public uint Flags;

    /// <summary>ID of the device that the HWPT is for.</summary>
    public uint DevId;

    /// <summary>ID of the object below the HWPT: an IOAS, a nest parent or a vIOMMU.</summary>
    public uint PtId;

    /// <summary>Out: ID of the new HWPT.</summary>
    public uint OutHwptId;

    /// <summary>Must be 0.</summary>
    [LinuxField("__reserved")]
    public uint Reserved;

    /// <summary>IOMMU_HWPT_DATA_*; NONE makes a paging HWPT.</summary>
    public uint DataType;

    /// <summary>Bytes of the data.</summary>
    public uint DataLen;

    /// <summary>User address of the data.</summary>
    public ulong DataUptr;

    /// <summary>ID of a fault queue, with <see cref="IommufdH.IOMMU_HWPT_FAULT_ID_VALID"/>.</summary>
    public uint FaultId;

    /// <summary>Must be 0.</summary>
    [LinuxField("__reserved2")]
    public uint Reserved2;
}

/// <summary>
/// struct iommu_hwpt_set_dirty_tracking of linux/iommufd.h. The argument of
/// <see cref="IommufdH.IOMMU_HWPT_SET_DIRTY_TRACKING"/>.
/// </summary>
[LinuxStruct("iommu_hwpt_set_dirty_tracking")]
[StructLayout(LayoutKind.Sequential)]
public struct IommuHwptSetDirtyTracking
{
    /// <summary>Bytes of this structure, as the caller knows it.</summary>
    public uint Size;

    /// <summary>0 or <see cref="IommufdH.IOMMU_HWPT_DIRTY_TRACKING_ENABLE"/>.</summary>
    public uint Flags;

    /// <summary>ID of a paging HWPT.</summary>
    public uint HwptId;

    /// <summary>Must be 0.</summary>
    [LinuxField("__reserved")]
    public uint Reserved;
}

/// <summary>
/// struct iommu_hwpt_get_dirty_bitmap of linux/iommufd.h. The argument of
/// <see cref="IommufdH.IOMMU_HWPT_GET_DIRTY_BITMAP"/>.
/// </summary>
[LinuxStruct("iommu_hwpt_get_dirty_bitmap")]
[StructLayout(LayoutKind.Sequential)]
public struct IommuHwptGetDirtyBitmap
{
    /// <summary>Bytes of this structure, as the caller knows it.</summary>
    public uint Size;

    /// <summary>ID of a paging HWPT.</summary>
    public uint HwptId;

    /// <summary>0 or <see cref="IommufdH.IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR"/>.</summary>
    public uint Flags;

    /// <summary>Must be 0.</summary>
    [LinuxField("__reserved")]
    public uint Reserved;

    /// <summary>IOVA of the bitmap's first bit.</summary>
    public ulong Iova;

    /// <summary>Bytes of IOVA to look at.</summary>
    public ulong Length;

    /// <summary>Bytes of IOVA that one bit stands for.</summary>
    public ulong PageSize;

    /// <summary>User address of the bitmap: 64-bit words, lowest bit first. Bits are set, never cleared.</summary>
    public ulong Data;
}

/// <summary>
/// struct iommu_hwpt_vtd_s1_invalidate of linux/iommufd.h. One invalidation of a nested HWPT on Intel VT-d. Address 0
/// with the largest page count invalidates everything.
/// </summary>
[LinuxStruct("iommu_hwpt_vtd_s1_invalidate")]
[StructLayout(LayoutKind.Sequential)]
public struct IommuHwptVtdS1Invalidate : IHwptInvalidation
{
    static uint IHwptInvalidation.DataType => IommufdH.IOMMU_HWPT_INVALIDATE_DATA_VTD_S1;

    /// <summary>First IOVA; a multiple of 4096.</summary>
    public ulong Addr;

    /// <summary>Pages of 4096 bytes.</summary>
    public ulong Npages;

    /// <summary>0 or <see cref="IommufdH.IOMMU_VTD_INV_FLAGS_LEAF"/>.</summary>
    public uint Flags;

    /// <summary>Must be 0.</summary>
    [LinuxField("__reserved")]
    public uint Reserved;
}

/// <summary>
/// struct iommu_viommu_arm_smmuv3_invalidate of linux/iommufd.h. One invalidation of a vIOMMU of type Arm SMMUv3.
/// </summary>
[LinuxStruct("iommu_viommu_arm_smmuv3_invalidate")]
[StructLayout(LayoutKind.Sequential)]
public struct IommuViommuArmSmmuv3Invalidate : IHwptInvalidation
{
    static uint IHwptInvalidation.DataType => IommufdH.IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3;

    /// <summary>A command of the SMMU's command queue, little-endian.</summary>
    public U64x2 Cmd;
}

/// <summary>
/// struct iommu_hwpt_invalidate of linux/iommufd.h. The argument of <see cref="IommufdH.IOMMU_HWPT_INVALIDATE"/>. Zero
/// entries probe whether the data type is supported.
/// </summary>
[LinuxStruct("iommu_hwpt_invalidate")]
[StructLayout(LayoutKind.Sequential)]
public struct IommuHwptInvalidate
{
    /// <summary>Bytes of this structure, as the caller knows it.</summary>
    public uint Size;

    /// <summary>ID of a nested HWPT or a vIOMMU.</summary>
    public uint HwptId;

    /// <summary>User address of the array of entries.</summary>
    public ulong DataUptr;

    /// <summary>Type of the entries: IOMMU_HWPT_INVALIDATE_DATA_* or IOMMU_VIOMMU_INVALIDATE_DATA_*.</summary>
    public uint DataType;

    /// <summary>Bytes of one entry.</summary>
    public uint EntryLen;

    /// <summary>In: entries in the array. Out: entries handled.</summary>
    public uint EntryNum;

    /// <summary>Must be 0.</summary>
    [LinuxField("__reserved")]
    public uint Reserved;
}
