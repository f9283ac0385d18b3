using System.Runtime.InteropServices;

namespace Ioasis.Abi;

/// <summary>
/// struct vfio_device_feature of linux/vfio.h. The argument of <see cref="VfioH.VFIO_DEVICE_FEATURE"/>. The feature's
/// data follows; it is not a field here.
/// </summary>
[LinuxStruct("vfio_device_feature")]
[StructLayout(LayoutKind.Sequential)]
public struct VfioDeviceFeature
{
    /// <summary>Bytes of the caller's buffer: this structure and anything after it.</summary>
    public uint Argsz;

    /// <summary>Number of the feature and VFIO_DEVICE_FEATURE_GET, _SET and _PROBE.</summary>
    public uint Flags;
}

/// <summary>
/// struct vfio_device_low_power_entry_with_wakeup of linux/vfio.h. Data of
/// <see cref="VfioH.VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP"/>.
/// </summary>
[LinuxStruct("vfio_device_low_power_entry_with_wakeup")]
[StructLayout(LayoutKind.Sequential)]
public struct VfioDeviceLowPowerEntryWithWakeup
{
    /// <summary>The eventfd signalled when the device wakes up.</summary>
    public int WakeupEventfd;

    /// <summary>Must be 0.</summary>
    public uint Reserved;
}

/// <summary>
/// struct vfio_device_feature_dma_logging_control of linux/vfio.h. Data of
/// <see cref="VfioH.VFIO_DEVICE_FEATURE_DMA_LOGGING_START"/>.
/// </summary>
[LinuxStruct("vfio_device_feature_dma_logging_control")]
[StructLayout(LayoutKind.Sequential)]
public struct VfioDeviceFeatureDmaLoggingControl
{
    /// <summary>In: preferred bytes of IOVA per page. Out: the device's choice.</summary>
    public ulong PageSize;

    /// <summary>Elements of the array.</summary>
    public uint NumRanges;

    /// <summary>Must be 0.</summary>
    [LinuxField("__reserved")]
    public uint Reserved;

    /// <summary>User address of an array of <see cref="VfioDeviceFeatureDmaLoggingRange"/>.</summary>
    public ulong Ranges;
}

/// <summary>
/// struct vfio_device_feature_dma_logging_range of linux/vfio.h. A range of IOVA whose writes are logged.
/// </summary>
[LinuxStruct("vfio_device_feature_dma_logging_range")]
[StructLayout(LayoutKind.Sequential)]
public struct VfioDeviceFeatureDmaLoggingRange
{
    /// <summary>First IOVA.</summary>
    public ulong Iova;

    /// <summary>Bytes of the range.</summary>
    public ulong Length;
}

/// <summary>
/// struct vfio_device_feature_dma_logging_report of linux/vfio.h. Data of
/// <see cref="VfioH.VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT"/>.
/// </summary>
[LinuxStruct("vfio_device_feature_dma_logging_report")]
[StructLayout(LayoutKind.Sequential)]
public struct VfioDeviceFeatureDmaLoggingReport
{
    /// <summary>IOVA of the bitmap's first bit.</summary>
    public ulong Iova;

    /// <summary>Bytes of IOVA to look at.</summary>
    public ulong Length;

    /// <summary>Bytes of IOVA that one bit stands for; any power of two.</summary>
    public ulong PageSize;

    /// <summary>User address of the bitmap: 64-bit words, lowest bit first. Bits are set, never cleared.</summary>
    public ulong Bitmap;
}

/// <summary>
/// struct vfio_device_feature_bus_master of linux/vfio.h. Data of <see cref="VfioH.VFIO_DEVICE_FEATURE_BUS_MASTER"/>.
/// </summary>
[LinuxStruct("vfio_device_feature_bus_master")]
[StructLayout(LayoutKind.Sequential)]
public struct VfioDeviceFeatureBusMaster
{
    /// <summary>
    /// <see cref="VfioH.VFIO_DEVICE_FEATURE_CLEAR_MASTER"/> or <see cref="VfioH.VFIO_DEVICE_FEATURE_SET_MASTER"/>.
    /// </summary>
    public uint Op;
}

/// <summary>struct vfio_region_dma_range of linux/vfio.h. A part of a region that a dma-buf contains.</summary>
[LinuxStruct("vfio_region_dma_range")]
[StructLayout(LayoutKind.Sequential)]
public struct VfioRegionDmaRange
{
    /// <summary>Offset in bytes from the start of the region.</summary>
    public ulong Offset;

    /// <summary>Bytes of the part.</summary>
    public ulong Length;
}

/// <summary>
/// struct vfio_device_feature_dma_buf of linux/vfio.h. Data of <see cref="VfioH.VFIO_DEVICE_FEATURE_DMA_BUF"/>. The
/// array dma_ranges of <see cref="VfioRegionDmaRange"/> follows; it is not a field here.
/// </summary>
[LinuxStruct("vfio_device_feature_dma_buf")]
[StructLayout(LayoutKind.Sequential)]
public struct VfioDeviceFeatureDmaBuf
{
    /// <summary>Index of the region.</summary>
    public uint RegionIndex;

    /// <summary>Flags of the new file descriptor, as for open(2).</summary>
    public uint OpenFlags;

    /// <summary>Must be 0.</summary>
    public uint Flags;

    /// <summary>Elements of the array.</summary>
    public uint NrRanges;
}
