namespace Ioasis.Abi;

public static partial class VfioH
{
    /// <summary>Mask of the feature's number in the flags of <see cref="VfioDeviceFeature"/>.</summary>
    public const uint VFIO_DEVICE_FEATURE_MASK = 0xffff;
    /// <summary>Flag of <see cref="VfioDeviceFeature"/>: read the feature.</summary>
    public const uint VFIO_DEVICE_FEATURE_GET = 1 << 16;
    /// <summary>Flag of <see cref="VfioDeviceFeature"/>: write the feature.</summary>
    public const uint VFIO_DEVICE_FEATURE_SET = 1 << 17;
    /// <summary>Flag of <see cref="VfioDeviceFeature"/>: only test whether get or set would work.</summary>
    public const uint VFIO_DEVICE_FEATURE_PROBE = 1 << 18;

    /// <summary>
    /// Feature, set: the secret shared by a physical function and its virtual functions; a UUID of 16 bytes.
    /// </summary>
    public const uint VFIO_DEVICE_FEATURE_PCI_VF_TOKEN = 0;
    /// <summary>Feature, get: <see cref="VfioDeviceFeatureMigration"/>.</summary>
    public const uint VFIO_DEVICE_FEATURE_MIGRATION = 1;
    /// <summary>Feature, get and set: <see cref="VfioDeviceFeatureMigState"/>.</summary>
    public const uint VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE = 2;
    /// <summary>Feature, set without data: the device may enter a low power state.</summary>
    public const uint VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY = 3;
    /// <summary>
    /// Feature, set: the same, with an eventfd that is signalled on wakeup, once;
    /// <see cref="VfioDeviceLowPowerEntryWithWakeup"/>.
    /// </summary>
    public const uint VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP = 4;
    /// <summary>Feature, set without data: the device must leave the low power state.</summary>
    public const uint VFIO_DEVICE_FEATURE_LOW_POWER_EXIT = 5;
    /// <summary>
    /// Feature, set: the device logs its DMA writes; <see cref="VfioDeviceFeatureDmaLoggingControl"/>.
    /// </summary>
    public const uint VFIO_DEVICE_FEATURE_DMA_LOGGING_START = 6;
    /// <summary>Feature, set without data: the device stops logging.</summary>
    public const uint VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP = 7;
    /// <summary>Feature, get: reads and clears the log; <see cref="VfioDeviceFeatureDmaLoggingReport"/>.</summary>
    public const uint VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT = 8;
    /// <summary>Feature, get: <see cref="VfioDeviceFeatureMigDataSize"/>.</summary>
    public const uint VFIO_DEVICE_FEATURE_MIG_DATA_SIZE = 9;
    /// <summary>
    /// Feature, set: <see cref="VfioDeviceFeatureBusMaster"/>. Not for PCI, whose command register has the bit.
    /// </summary>
    public const uint VFIO_DEVICE_FEATURE_BUS_MASTER = 10;
    /// <summary>Feature, get: returns a dma-buf of a region; <see cref="VfioDeviceFeatureDmaBuf"/>.</summary>
    public const uint VFIO_DEVICE_FEATURE_DMA_BUF = 11;
    /// <summary>Feature, set without data: the flags of <see cref="VfioPrecopyInfo"/> become valid.</summary>
    public const uint VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2 = 12;

    /// <summary>Operation of <see cref="VfioDeviceFeatureBusMaster"/>: DMA of the device is blocked.</summary>
    public const uint VFIO_DEVICE_FEATURE_CLEAR_MASTER = 0;
    /// <summary>Operation of <see cref="VfioDeviceFeatureBusMaster"/>: the device may do DMA.</summary>
    public const uint VFIO_DEVICE_FEATURE_SET_MASTER = 1;

    /// <summary>
    /// Flag of <see cref="VfioDeviceFeatureMigration"/>: the states STOP, STOP_COPY and RESUMING; always set.
    /// </summary>
    public const ulong VFIO_MIGRATION_STOP_COPY = 1 << 0;
    /// <summary>Flag of <see cref="VfioDeviceFeatureMigration"/>: the state RUNNING_P2P.</summary>
    public const ulong VFIO_MIGRATION_P2P = 1 << 1;
    /// <summary>
    /// Flag of <see cref="VfioDeviceFeatureMigration"/>: the state PRE_COPY; with P2P, PRE_COPY_P2P too.
    /// </summary>
    public const ulong VFIO_MIGRATION_PRE_COPY = 1 << 2;

    /// <summary>State of <see cref="VfioDeviceFeatureMigState"/>: failed, needs a reset. Cannot be set.</summary>
    public const uint VFIO_DEVICE_STATE_ERROR = 0;
    /// <summary>
    /// State of <see cref="VfioDeviceFeatureMigState"/>: stopped; neither the device nor memory changes.
    /// </summary>
    public const uint VFIO_DEVICE_STATE_STOP = 1;
    /// <summary>State of <see cref="VfioDeviceFeatureMigState"/>: running.</summary>
    public const uint VFIO_DEVICE_STATE_RUNNING = 2;
    /// <summary>State of <see cref="VfioDeviceFeatureMigState"/>: stopped, and its state can be read.</summary>
    public const uint VFIO_DEVICE_STATE_STOP_COPY = 3;
    /// <summary>State of <see cref="VfioDeviceFeatureMigState"/>: stopped, and a new state can be written.</summary>
    public const uint VFIO_DEVICE_STATE_RESUMING = 4;
    /// <summary>
    /// State of <see cref="VfioDeviceFeatureMigState"/>: running, but starts no DMA to other devices.
    /// </summary>
    public const uint VFIO_DEVICE_STATE_RUNNING_P2P = 5;
    /// <summary>
    /// State of <see cref="VfioDeviceFeatureMigState"/>: running, and changes of its state can be read.
    /// </summary>
    public const uint VFIO_DEVICE_STATE_PRE_COPY = 6;
    /// <summary>State of <see cref="VfioDeviceFeatureMigState"/>: PRE_COPY without DMA to other devices.</summary>
    public const uint VFIO_DEVICE_STATE_PRE_COPY_P2P = 7;
    /// <summary>Number of migration states.</summary>
    public const uint VFIO_DEVICE_STATE_NR = 8;

    /// <summary>Flag of <see cref="VfioPrecopyInfo"/>: the initial bytes started over.</summary>
    public const uint VFIO_PRECOPY_INFO_REINIT = 1 << 0;
}
