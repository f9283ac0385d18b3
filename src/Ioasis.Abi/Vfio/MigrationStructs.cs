using System.Runtime.InteropServices;

namespace Ioasis.Abi;

/// <summary>
/// struct vfio_device_feature_migration of linux/vfio.h. Data of <see cref="VfioH.VFIO_DEVICE_FEATURE_MIGRATION"/>.
/// </summary>
[LinuxStruct("vfio_device_feature_migration")]
[StructLayout(LayoutKind.Sequential)]
public struct VfioDeviceFeatureMigration
{
    /// <summary>VFIO_MIGRATION_* bits.</summary>
    public ulong Flags;
}

/// <summary>
/// struct vfio_device_feature_mig_state of linux/vfio.h. Data of
/// <see cref="VfioH.VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE"/>.
/// </summary>
[LinuxStruct("vfio_device_feature_mig_state")]
[StructLayout(LayoutKind.Sequential)]
public struct VfioDeviceFeatureMigState
{
    /// <summary>VFIO_DEVICE_STATE_*: in on set, out on get.</summary>
    public uint DeviceState;

    /// <summary>Out: file descriptor of the data if the change started a transfer; otherwise -1.</summary>
    public int DataFd;
}

/// <summary>
/// struct vfio_device_feature_mig_data_size of linux/vfio.h. Data of
/// <see cref="VfioH.VFIO_DEVICE_FEATURE_MIG_DATA_SIZE"/>.
/// </summary>
[LinuxStruct("vfio_device_feature_mig_data_size")]
[StructLayout(LayoutKind.Sequential)]
public struct VfioDeviceFeatureMigDataSize
{
    /// <summary>Out: estimate of the bytes in STOP_COPY.</summary>
    public ulong StopCopyLength;
}

/// <summary>
/// struct vfio_precopy_info of linux/vfio.h. The argument of <see cref="VfioH.VFIO_MIG_GET_PRECOPY_INFO"/>.
/// </summary>
[LinuxStruct("vfio_precopy_info")]
[StructLayout(LayoutKind.Sequential)]
public struct VfioPrecopyInfo
{
    /// <summary>Bytes of the caller's buffer: this structure and anything after it.</summary>
    public uint Argsz;

    /// <summary>
    /// Out: 0 or <see cref="VfioH.VFIO_PRECOPY_INFO_REINIT"/>; valid only after
    /// <see cref="VfioH.VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2"/> was set.
    /// </summary>
    public uint Flags;

    /// <summary>Out: bytes of the first copy that are not read yet.</summary>
    public ulong InitialBytes;

    /// <summary>Out: bytes that changed since they were read.</summary>
    public ulong DirtyBytes;
}
