using System.Runtime.InteropServices;

namespace Ioasis.Abi;

/// <summary>
/// struct iommu_viommu_alloc of linux/iommufd.h. The argument of <see cref="IommufdH.IOMMU_VIOMMU_ALLOC"/>.
/// </summary>
[LinuxStruct("iommu_viommu_alloc")]
[StructLayout(LayoutKind.Sequential)]
public struct IommuViommuAlloc
{
    /// <summary>Bytes of this structure, as the caller knows it.</summary>
    public uint Size;

    /// <summary>Must be 0.</summary>
    public uint Flags;

    /// <summary>IOMMU_VIOMMU_TYPE_*.</summary>
    public uint Type;

    /// <summary>ID of a device; its IOMMU backs the vIOMMU.</summary>
    public uint DevId;

    /// <summary>ID of a nest parent.</summary>
    public uint HwptId;

    /// <summary>Out: ID of the new vIOMMU.</summary>
    public uint OutViommuId;

    /// <summary>Bytes of the data.</summary>
    public uint DataLen;

    /// <summary>Must be 0.</summary>
    [LinuxField("__reserved")]
    public uint Reserved;

    /// <summary>User address of data of the type.</summary>
    public ulong DataUptr;
}

/// <summary>
/// struct iommu_vdevice_alloc of linux/iommufd.h. The argument of <see cref="IommufdH.IOMMU_VDEVICE_ALLOC"/>.
/// </summary>
[LinuxStruct("iommu_vdevice_alloc")]
[StructLayout(LayoutKind.Sequential)]
public struct IommuVdeviceAlloc
{
    /// <summary>Bytes of this structure, as the caller knows it.</summary>
    public uint Size;

    /// <summary>ID of the vIOMMU.</summary>
    public uint ViommuId;

    /// <summary>ID of the device.</summary>
    public uint DevId;

    /// <summary>Out: ID of the new vDevice.</summary>
    public uint OutVdeviceId;

    /// <summary>The guest's ID of the device: RID on VT-d, StreamID on SMMUv3, DeviceID on AMD-Vi.</summary>
    public ulong VirtId;
}

/// <summary>
/// struct iommufd_vevent_header of linux/iommufd.h. The header before every event that is read from an event queue's
/// fd.
/// </summary>
[LinuxStruct("iommufd_vevent_header")]
[StructLayout(LayoutKind.Sequential)]
public struct IommufdVeventHeader
{
    /// <summary>0 or <see cref="IommufdH.IOMMU_VEVENTQ_FLAG_LOST_EVENTS"/>.</summary>
    public uint Flags;

    /// <summary>Number of the event, 0 to 0x7fffffff, then 0 again. A gap of n means n lost events.</summary>
    public uint Sequence;
}

/// <summary>struct iommu_vevent_arm_smmuv3 of linux/iommufd.h. An event of a vIOMMU of type Arm SMMUv3.</summary>
[LinuxStruct("iommu_vevent_arm_smmuv3")]
[StructLayout(LayoutKind.Sequential)]
public struct IommuVeventArmSmmuv3
{
    /// <summary>The event record, little-endian, with the guest's StreamID.</summary>
    public U64x4 Evt;
}

/// <summary>
/// struct iommu_veventq_alloc of linux/iommufd.h. The argument of <see cref="IommufdH.IOMMU_VEVENTQ_ALLOC"/>. A vIOMMU
/// has at most one queue of each type.
/// </summary>
[LinuxStruct("iommu_veventq_alloc")]
[StructLayout(LayoutKind.Sequential)]
public struct IommuVeventqAlloc
{
    /// <summary>Bytes of this structure, as the caller knows it.</summary>
    public uint Size;

    /// <summary>Must be 0.</summary>
    public uint Flags;

    /// <summary>ID of the vIOMMU.</summary>
    public uint ViommuId;

    /// <summary>IOMMU_VEVENTQ_TYPE_*.</summary>
    public uint Type;

    /// <summary>Events that the queue holds; further events are lost.</summary>
    public uint VeventqDepth;

    /// <summary>Out: ID of the new queue.</summary>
    public uint OutVeventqId;

    /// <summary>Out: its file descriptor.</summary>
    public uint OutVeventqFd;

    /// <summary>Must be 0.</summary>
    [LinuxField("__reserved")]
    public uint Reserved;
}

/// <summary>
/// struct iommu_hw_queue_alloc of linux/iommufd.h. The argument of <see cref="IommufdH.IOMMU_HW_QUEUE_ALLOC"/>.
/// </summary>
[LinuxStruct("iommu_hw_queue_alloc")]
[StructLayout(LayoutKind.Sequential)]
public struct IommuHwQueueAlloc
{
    /// <summary>Bytes of this structure, as the caller knows it.</summary>
    public uint Size;

    /// <summary>Must be 0.</summary>
    public uint Flags;

    /// <summary>ID of the vIOMMU.</summary>
    public uint ViommuId;

    /// <summary>IOMMU_HW_QUEUE_TYPE_*.</summary>
    public uint Type;

    /// <summary>Index of the queue among those of its type.</summary>
    public uint Index;

    /// <summary>Out: ID of the new queue.</summary>
    public uint OutHwQueueId;

    /// <summary>GPA of the queue: an IOVA of the nest parent.</summary>
    public ulong NestingParentIova;

    /// <summary>Bytes of the queue.</summary>
    public ulong Length;
}
