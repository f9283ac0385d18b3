namespace Ioasis.Abi;

/// <summary>
/// linux/vhost.h and linux/vhost_types.h (Linux 7.2): the ioctls of every vhost device. Names are Linux's own.
/// </summary>
/// <remarks>
/// Unlike those of iommufd and VFIO, a number has the direction and the size of its argument in it
/// (<see cref="Ioc"/>).
/// </remarks>
public static partial class VhostH
{
    /// <summary>Type of the ioctls.</summary>
    public const uint VHOST_VIRTIO = 0xAF;

    private const uint None = VHOST_VIRTIO << Ioc.TypeShift;
    private const uint W1 = Write | (1 << Ioc.SizeShift);
    private const uint W4 = Write | (4 << Ioc.SizeShift);
    private const uint W8 = Write | (8 << Ioc.SizeShift);
    private const uint W40 = Write | (40 << Ioc.SizeShift);
    private const uint R1 = Read | (1 << Ioc.SizeShift);
    private const uint R2 = Read | (2 << Ioc.SizeShift);
    private const uint R4 = Read | (4 << Ioc.SizeShift);
    private const uint R8 = Read | (8 << Ioc.SizeShift);
    private const uint R16 = Read | (16 << Ioc.SizeShift);
    private const uint RW8 = R8 | W8;
    private const uint Write = (Ioc.DirWrite << Ioc.DirShift) | None;
    private const uint Read = (Ioc.DirRead << Ioc.DirShift) | None;

    /// <summary>ioctl: the features that the device offers. Argument: 64 bits.</summary>
    public const uint VHOST_GET_FEATURES = R8 | 0x00;
    /// <summary>ioctl: sets the features that the driver takes. Argument: 64 bits.</summary>
    public const uint VHOST_SET_FEATURES = W8 | 0x00;
    /// <summary>ioctl: the calling process becomes the owner. No argument.</summary>
    public const uint VHOST_SET_OWNER = None | 0x01;
    /// <summary>ioctl: gives the ownership up. vhost-vdpa does not know it.</summary>
    public const uint VHOST_RESET_OWNER = None | 0x02;
    /// <summary>
    /// ioctl: a table of guest memory. Argument: <see cref="VhostMemory"/>. vhost-vdpa stores it and never uses it.
    /// </summary>
    public const uint VHOST_SET_MEM_TABLE = W8 | 0x03;
    /// <summary>ioctl: where writes are logged. Not of vhost-vdpa.</summary>
    public const uint VHOST_SET_LOG_BASE = W8 | 0x04;
    /// <summary>ioctl: an eventfd of the log. Not of vhost-vdpa.</summary>
    public const uint VHOST_SET_LOG_FD = W4 | 0x07;

    /// <summary>ioctl: entries of a ring. Argument: <see cref="VhostVringState"/>.</summary>
    public const uint VHOST_SET_VRING_NUM = W8 | 0x10;
    /// <summary>ioctl: IOVAs of a ring's three parts. Argument: <see cref="VhostVringAddr"/>.</summary>
    public const uint VHOST_SET_VRING_ADDR = W40 | 0x11;
    /// <summary>ioctl: where a ring begins. Argument: <see cref="VhostVringState"/>.</summary>
    public const uint VHOST_SET_VRING_BASE = W8 | 0x12;
    /// <summary>ioctl: where a ring stands. Argument: <see cref="VhostVringState"/>.</summary>
    public const uint VHOST_GET_VRING_BASE = RW8 | 0x12;
    /// <summary>ioctl: an eventfd by which the driver notifies the device. Argument: <see cref="VhostVringFile"/>.
    /// </summary>
    public const uint VHOST_SET_VRING_KICK = W8 | 0x20;
    /// <summary>ioctl: an eventfd by which the device interrupts. Argument: <see cref="VhostVringFile"/>.</summary>
    public const uint VHOST_SET_VRING_CALL = W8 | 0x21;
    /// <summary>ioctl: an eventfd for errors. Argument: <see cref="VhostVringFile"/>.</summary>
    public const uint VHOST_SET_VRING_ERR = W8 | 0x22;
    /// <summary>ioctl: how long to poll a ring. Argument: <see cref="VhostVringState"/>.</summary>
    public const uint VHOST_SET_VRING_BUSYLOOP_TIMEOUT = W8 | 0x23;
    /// <summary>ioctl: reads what VHOST_SET_VRING_BUSYLOOP_TIMEOUT set.</summary>
    public const uint VHOST_GET_VRING_BUSYLOOP_TIMEOUT = W8 | 0x24;
    /// <summary>ioctl: the features of the interface that the program knows. Argument: 64 bits.</summary>
    public const uint VHOST_SET_BACKEND_FEATURES = W8 | 0x25;
    /// <summary>ioctl: the features that the interface has. Argument: 64 bits.</summary>
    public const uint VHOST_GET_BACKEND_FEATURES = R8 | 0x26;
    /// <summary>ioctl: whether workers are tasks of the owner. Argument: 8 bits.</summary>
    public const uint VHOST_SET_FORK_FROM_OWNER = W1 | 0x84;
    /// <summary>ioctl: reads what VHOST_SET_FORK_FROM_OWNER set.</summary>
    public const uint VHOST_GET_FORK_FROM_OWNER = R1 | 0x85;

    /// <summary>Worker: a thread of the kernel.</summary>
    public const byte VHOST_FORK_OWNER_KTHREAD = 0;
    /// <summary>Worker: a task of the owner. The default.</summary>
    public const byte VHOST_FORK_OWNER_TASK = 1;

    /// <summary>File descriptor that unbinds an eventfd.</summary>
    public const int VHOST_FILE_UNBIND = -1;

    /// <summary>Flag of <see cref="VhostVringAddr"/>, as a bit number: writes to the used ring are logged.</summary>
    public const int VHOST_VRING_F_LOG = 0;
    /// <summary>Feature bit: all writes are logged. Not of vhost-vdpa.</summary>
    public const int VHOST_F_LOG_ALL = 26;
    /// <summary>Alignment of log_guest_addr and page size of the log.</summary>
    public const uint VHOST_PAGE_SIZE = 0x1000;

    /// <summary>Backend feature, as a bit number: messages of the second layout.</summary>
    public const int VHOST_BACKEND_F_IOTLB_MSG_V2 = 1;
    /// <summary>Backend feature, as a bit number: batches of messages.</summary>
    public const int VHOST_BACKEND_F_IOTLB_BATCH = 2;
    /// <summary>Backend feature, as a bit number: messages name an address space.</summary>
    public const int VHOST_BACKEND_F_IOTLB_ASID = 3;
    /// <summary>Backend feature, as a bit number: VHOST_VDPA_SUSPEND.</summary>
    public const int VHOST_BACKEND_F_SUSPEND = 4;
    /// <summary>Backend feature, as a bit number: VHOST_VDPA_RESUME.</summary>
    public const int VHOST_BACKEND_F_RESUME = 5;
    /// <summary>Backend feature, as a bit number: a ring may be enabled after DRIVER_OK.</summary>
    public const int VHOST_BACKEND_F_ENABLE_AFTER_DRIVER_OK = 6;
    /// <summary>Backend feature, as a bit number: rings can have a group of their own.</summary>
    public const int VHOST_BACKEND_F_DESC_ASID = 7;
    /// <summary>Backend feature, as a bit number: the IOTLB survives a reset.</summary>
    public const int VHOST_BACKEND_F_IOTLB_PERSIST = 8;
}
