namespace Ioasis.Abi;

/// <content>The ioctls of vhost-vdpa alone.</content>
public static partial class VhostH
{
    /// <summary>ioctl: the virtio device ID: 1 net, 2 blk. Argument: 32 bits.</summary>
    public const uint VHOST_VDPA_GET_DEVICE_ID = R4 | 0x70;
    /// <summary>ioctl: the device status. Argument: 8 bits.</summary>
    public const uint VHOST_VDPA_GET_STATUS = R1 | 0x71;
    /// <summary>ioctl: sets the device status; 0 resets. Argument: 8 bits.</summary>
    public const uint VHOST_VDPA_SET_STATUS = W1 | 0x72;
    /// <summary>ioctl: reads the configuration space. Argument: <see cref="VhostVdpaConfig"/>.</summary>
    public const uint VHOST_VDPA_GET_CONFIG = R8 | 0x73;
    /// <summary>ioctl: writes the configuration space. Argument: <see cref="VhostVdpaConfig"/>.</summary>
    public const uint VHOST_VDPA_SET_CONFIG = W8 | 0x74;
    /// <summary>ioctl: a ring is used from now on, or not. Argument: <see cref="VhostVringState"/>.</summary>
    public const uint VHOST_VDPA_SET_VRING_ENABLE = W8 | 0x75;
    /// <summary>ioctl: the most entries that a ring can have. Argument: 16 bits.</summary>
    public const uint VHOST_VDPA_GET_VRING_NUM = R2 | 0x76;
    /// <summary>ioctl: an eventfd for changes of the configuration. Argument: 32 bits.</summary>
    public const uint VHOST_VDPA_SET_CONFIG_CALL = W4 | 0x77;
    /// <summary>ioctl: the addresses that can be mapped. Argument: <see cref="VhostVdpaIovaRange"/>.</summary>
    public const uint VHOST_VDPA_GET_IOVA_RANGE = R16 | 0x78;
    /// <summary>ioctl: bytes of the configuration space. Argument: 32 bits.</summary>
    public const uint VHOST_VDPA_GET_CONFIG_SIZE = R4 | 0x79;
    /// <summary>ioctl: number of address spaces. Argument: 32 bits.</summary>
    public const uint VHOST_VDPA_GET_AS_NUM = R4 | 0x7A;
    /// <summary>ioctl: the group of a ring. Argument: <see cref="VhostVringState"/>.</summary>
    public const uint VHOST_VDPA_GET_VRING_GROUP = RW8 | 0x7B;
    /// <summary>ioctl: gives a group an address space. Argument: <see cref="VhostVringState"/>.</summary>
    public const uint VHOST_VDPA_SET_GROUP_ASID = W8 | 0x7C;
    /// <summary>ioctl: the device stops, and keeps its state. No argument.</summary>
    public const uint VHOST_VDPA_SUSPEND = None | 0x7D;
    /// <summary>ioctl: the device goes on. No argument.</summary>
    public const uint VHOST_VDPA_RESUME = None | 0x7E;
    /// <summary>ioctl: the group of a ring's descriptors. Argument: <see cref="VhostVringState"/>.</summary>
    public const uint VHOST_VDPA_GET_VRING_DESC_GROUP = RW8 | 0x7F;
    /// <summary>ioctl: number of rings. Argument: 32 bits.</summary>
    public const uint VHOST_VDPA_GET_VQS_COUNT = R4 | 0x80;
    /// <summary>ioctl: number of groups. Argument: 32 bits.</summary>
    public const uint VHOST_VDPA_GET_GROUP_NUM = R4 | 0x81;
    /// <summary>ioctl: entries of a ring. Argument: <see cref="VhostVringState"/>.</summary>
    public const uint VHOST_VDPA_GET_VRING_SIZE = RW8 | 0x82;

    /// <summary>Type of a message: the first layout, <see cref="VhostMsg"/>.</summary>
    public const int VHOST_IOTLB_MSG = 1;
    /// <summary>Type of a message: the second layout, <see cref="VhostMsgV2"/>.</summary>
    public const int VHOST_IOTLB_MSG_V2 = 2;

    /// <summary>Kind of a message: an address is missing. From the kernel; not of vhost-vdpa.</summary>
    public const byte VHOST_IOTLB_MISS = 1;
    /// <summary>Kind of a message: maps.</summary>
    public const byte VHOST_IOTLB_UPDATE = 2;
    /// <summary>Kind of a message: unmaps.</summary>
    public const byte VHOST_IOTLB_INVALIDATE = 3;
    /// <summary>Kind of a message: an access was refused. From the kernel; not of vhost-vdpa.</summary>
    public const byte VHOST_IOTLB_ACCESS_FAIL = 4;
    /// <summary>Kind of a message: what follows takes effect together.</summary>
    public const byte VHOST_IOTLB_BATCH_BEGIN = 5;
    /// <summary>Kind of a message: what was said since VHOST_IOTLB_BATCH_BEGIN takes effect.</summary>
    public const byte VHOST_IOTLB_BATCH_END = 6;

    /// <summary>Access: the device reads.</summary>
    public const byte VHOST_ACCESS_RO = 1;
    /// <summary>Access: the device writes.</summary>
    public const byte VHOST_ACCESS_WO = 2;
    /// <summary>Access: the device reads and writes.</summary>
    public const byte VHOST_ACCESS_RW = 3;
}
