using System.Runtime.InteropServices;

namespace Ioasis.Abi;

/// <summary>struct iommu_hw_info_vtd of linux/iommufd.h. What an Intel VT-d unit reports.</summary>
[LinuxStruct("iommu_hw_info_vtd")]
[StructLayout(LayoutKind.Sequential)]
public struct IommuHwInfoVtd : IHwInfoData
{
    static uint IHwInfoData.DataType => IommufdH.IOMMU_HW_INFO_TYPE_INTEL_VTD;

    /// <summary>IOMMU_HW_INFO_VTD_* bits.</summary>
    public uint Flags;

    /// <summary>Must be 0.</summary>
    [LinuxField("__reserved")]
    public uint Reserved;

    /// <summary>The Capability Register (VT-d specification, 11.4.2).</summary>
    public ulong CapReg;

    /// <summary>The Extended Capability Register (VT-d specification, 11.4.3).</summary>
    public ulong EcapReg;
}

/// <summary>
/// struct iommu_hw_info_arm_smmuv3 of linux/iommufd.h. What an Arm SMMUv3 reports. Not every bit of the registers is
/// meant for a VMM.
/// </summary>
[LinuxStruct("iommu_hw_info_arm_smmuv3")]
[StructLayout(LayoutKind.Sequential)]
public struct IommuHwInfoArmSmmuv3 : IHwInfoData
{
    static uint IHwInfoData.DataType => IommufdH.IOMMU_HW_INFO_TYPE_ARM_SMMUV3;

    /// <summary>0.</summary>
    public uint Flags;

    /// <summary>Must be 0.</summary>
    [LinuxField("__reserved")]
    public uint Reserved;

    /// <summary>The registers IDR0 to IDR5.</summary>
    public U32x6 Idr;

    /// <summary>The register IIDR: implementer and version.</summary>
    public uint Iidr;

    /// <summary>The register AIDR: version of the architecture.</summary>
    public uint Aidr;
}

/// <summary>struct iommu_hw_info_amd of linux/iommufd.h. What an AMD IOMMU reports.</summary>
[LinuxStruct("iommu_hw_info_amd")]
[StructLayout(LayoutKind.Sequential)]
public struct IommuHwInfoAmd : IHwInfoData
{
    static uint IHwInfoData.DataType => IommufdH.IOMMU_HW_INFO_TYPE_AMD;

    /// <summary>Extended Feature Register (MMIO offset 0x30).</summary>
    public ulong Efr;

    /// <summary>Extended Feature 2 Register (MMIO offset 0x1a0).</summary>
    public ulong Efr2;
}

/// <summary>
/// struct iommu_hw_info of linux/iommufd.h. The argument of <see cref="IommufdH.IOMMU_GET_HW_INFO"/>.
/// </summary>
[LinuxStruct("iommu_hw_info")]
[StructLayout(LayoutKind.Explicit)]
public struct IommuHwInfo
{
    /// <summary>Bytes of this structure, as the caller knows it.</summary>
    [FieldOffset(0)]
    public uint Size;

    /// <summary>0 or <see cref="IommufdH.IOMMU_HW_INFO_FLAG_INPUT_TYPE"/>.</summary>
    [FieldOffset(4)]
    public uint Flags;

    /// <summary>ID of the device whose IOMMU is queried.</summary>
    [FieldOffset(8)]
    public uint DevId;

    /// <summary>In: bytes of the buffer. Out: bytes of data available.</summary>
    [FieldOffset(12)]
    public uint DataLen;

    /// <summary>User address of the buffer for the data. Bytes after the data are zeroed.</summary>
    [FieldOffset(16)]
    public ulong DataUptr;

    /// <summary>In: the IOMMU_HW_INFO_TYPE_* asked for. The same bytes as <see cref="OutDataType"/>.</summary>
    [FieldOffset(24)]
    public uint InDataType;

    /// <summary>Out: the IOMMU_HW_INFO_TYPE_* of the data. The same bytes as <see cref="InDataType"/>.</summary>
    [FieldOffset(24)]
    public uint OutDataType;

    /// <summary>Out: width of a PASID in bits; 0 if the device has no PASIDs.</summary>
    [FieldOffset(28)]
    public byte OutMaxPasidLog2;

    /// <summary>Must be 0.</summary>
    [FieldOffset(29), LinuxField("__reserved")]
    public U8x3 Reserved;

    /// <summary>Out: IOMMU_HW_CAP_* bits.</summary>
    [FieldOffset(32)]
    public ulong OutCapabilities;
}
