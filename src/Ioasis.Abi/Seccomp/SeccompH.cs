namespace Ioasis.Abi;

/// <summary>
/// The constants of linux/seccomp.h (Linux 7.2): filters and their notifications. Names are Linux's own.
/// </summary>
public static partial class SeccompH
{
    /// <summary>Mode of a thread: no seccomp.</summary>
    public const uint SECCOMP_MODE_DISABLED = 0;
    /// <summary>Mode of a thread: read, write, exit and sigreturn only.</summary>
    public const uint SECCOMP_MODE_STRICT = 1;
    /// <summary>Mode of a thread: BPF filters decide.</summary>
    public const uint SECCOMP_MODE_FILTER = 2;

    /// <summary>Operation of seccomp(2): enter strict mode.</summary>
    public const uint SECCOMP_SET_MODE_STRICT = 0;
    /// <summary>Operation of seccomp(2): add a filter. Argument: struct sock_fprog.</summary>
    public const uint SECCOMP_SET_MODE_FILTER = 1;
    /// <summary>Operation of seccomp(2): is an action known? Argument: user address of its 32 bits.</summary>
    public const uint SECCOMP_GET_ACTION_AVAIL = 2;
    /// <summary>Operation of seccomp(2): sizes of the structures. Argument: <see cref="SeccompNotifSizes"/>.</summary>
    public const uint SECCOMP_GET_NOTIF_SIZES = 3;

    /// <summary>Flag of a new filter: for all threads of the process.</summary>
    public const uint SECCOMP_FILTER_FLAG_TSYNC = 1 << 0;
    /// <summary>Flag of a new filter: log every action but ALLOW.</summary>
    public const uint SECCOMP_FILTER_FLAG_LOG = 1 << 1;
    /// <summary>Flag of a new filter: no mitigation of speculative store bypass.</summary>
    public const uint SECCOMP_FILTER_FLAG_SPEC_ALLOW = 1 << 2;
    /// <summary>Flag of a new filter: return the file descriptor of its notifications.</summary>
    public const uint SECCOMP_FILTER_FLAG_NEW_LISTENER = 1 << 3;
    /// <summary>Flag of a new filter: if TSYNC fails, return ESRCH instead of the thread's ID.</summary>
    public const uint SECCOMP_FILTER_FLAG_TSYNC_ESRCH = 1 << 4;
    /// <summary>
    /// Flag of a new filter: after a notification was received, only a fatal signal ends the thread's wait.
    /// </summary>
    public const uint SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV = 1 << 5;

    /// <summary>Action: kill the process.</summary>
    public const uint SECCOMP_RET_KILL_PROCESS = 0x80000000;
    /// <summary>Action: kill the thread.</summary>
    public const uint SECCOMP_RET_KILL_THREAD = 0x00000000;
    /// <summary>Action: older name of <see cref="SECCOMP_RET_KILL_THREAD"/>.</summary>
    public const uint SECCOMP_RET_KILL = SECCOMP_RET_KILL_THREAD;
    /// <summary>Action: send SIGSYS.</summary>
    public const uint SECCOMP_RET_TRAP = 0x00030000;
    /// <summary>Action: fail with the errno in the data bits.</summary>
    public const uint SECCOMP_RET_ERRNO = 0x00050000;
    /// <summary>Action: notify the listener and wait for its answer.</summary>
    public const uint SECCOMP_RET_USER_NOTIF = 0x7fc00000;
    /// <summary>Action: notify the tracer; ENOSYS without one.</summary>
    public const uint SECCOMP_RET_TRACE = 0x7ff00000;
    /// <summary>Action: log and allow.</summary>
    public const uint SECCOMP_RET_LOG = 0x7ffc0000;
    /// <summary>Action: allow.</summary>
    public const uint SECCOMP_RET_ALLOW = 0x7fff0000;
    /// <summary>Mask of the action in a filter's return value.</summary>
    public const uint SECCOMP_RET_ACTION_FULL = 0xffff0000;
    /// <summary>Older mask of the action, without the sign bit.</summary>
    public const uint SECCOMP_RET_ACTION = 0x7fff0000;
    /// <summary>Mask of the data in a filter's return value.</summary>
    public const uint SECCOMP_RET_DATA = 0x0000ffff;

    /// <summary>
    /// Flag of <see cref="SeccompNotifResp"/>: the kernel continues the call. The program may have changed its
    /// arguments meanwhile, so never use it for a security decision.
    /// </summary>
    public const uint SECCOMP_USER_NOTIF_FLAG_CONTINUE = 1 << 0;
    /// <summary>Flag of the listener: the two sides wake each other on one CPU.</summary>
    public const ulong SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP = 1 << 0;
    /// <summary>
    /// Flag of <see cref="SeccompNotifAddfd"/>: use the given number; replaces a descriptor that has it.
    /// </summary>
    public const uint SECCOMP_ADDFD_FLAG_SETFD = 1 << 0;
    /// <summary>Flag of <see cref="SeccompNotifAddfd"/>: also answer the notification, with the new number.</summary>
    public const uint SECCOMP_ADDFD_FLAG_SEND = 1 << 1;

    /// <summary>The _IOC type of the listener's ioctls.</summary>
    public const uint SECCOMP_IOC_MAGIC = '!';
    /// <summary>Listener: waits for a notification. Argument: <see cref="SeccompNotif"/>, all zero.</summary>
    public const uint SECCOMP_IOCTL_NOTIF_RECV =
        ((Ioc.DirRead | Ioc.DirWrite) << Ioc.DirShift) | (80 << Ioc.SizeShift)
        | (SECCOMP_IOC_MAGIC << Ioc.TypeShift) | 0;
    /// <summary>Listener: answers a notification. Argument: <see cref="SeccompNotifResp"/>.</summary>
    public const uint SECCOMP_IOCTL_NOTIF_SEND =
        ((Ioc.DirRead | Ioc.DirWrite) << Ioc.DirShift) | (24 << Ioc.SizeShift)
        | (SECCOMP_IOC_MAGIC << Ioc.TypeShift) | 1;
    /// <summary>
    /// Listener: ENOENT if the notification's thread no longer waits. Argument: user address of its 64-bit ID.
    /// </summary>
    public const uint SECCOMP_IOCTL_NOTIF_ID_VALID = (Ioc.DirWrite << Ioc.DirShift) | (8 << Ioc.SizeShift)
        | (SECCOMP_IOC_MAGIC << Ioc.TypeShift) | 2;
    /// <summary>
    /// Listener: places a file descriptor in the notification's process and returns its number there. Argument:
    /// <see cref="SeccompNotifAddfd"/>.
    /// </summary>
    public const uint SECCOMP_IOCTL_NOTIF_ADDFD = (Ioc.DirWrite << Ioc.DirShift) | (24 << Ioc.SizeShift)
        | (SECCOMP_IOC_MAGIC << Ioc.TypeShift) | 3;
    /// <summary>Listener: sets its flags. The argument is the flags, not their address.</summary>
    public const uint SECCOMP_IOCTL_NOTIF_SET_FLAGS =
        (Ioc.DirWrite << Ioc.DirShift) | (8 << Ioc.SizeShift) | (SECCOMP_IOC_MAGIC << Ioc.TypeShift) | 4;
}
