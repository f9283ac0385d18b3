using System.Runtime.InteropServices;

namespace Ioasis.Abi;

/// <summary>struct seccomp_data of linux/seccomp.h. A system call as a filter sees it.</summary>
[LinuxStruct("seccomp_data")]
[StructLayout(LayoutKind.Sequential)]
public struct SeccompData
{
    /// <summary>Number of the system call.</summary>
    public int Nr;

    /// <summary>Its convention, an AUDIT_ARCH_* value of linux/audit.h.</summary>
    public uint Arch;

    /// <summary>User address of the instruction after the call.</summary>
    public ulong InstructionPointer;

    /// <summary>The arguments, 64 bits each on every architecture.</summary>
    public U64x6 Args;
}

/// <summary>struct seccomp_notif_sizes of linux/seccomp.h. Sizes of the kernel's structures, in bytes.</summary>
[LinuxStruct("seccomp_notif_sizes")]
[StructLayout(LayoutKind.Sequential)]
public struct SeccompNotifSizes
{
    /// <summary>Bytes of <see cref="Abi.SeccompNotif"/>.</summary>
    public ushort SeccompNotif;

    /// <summary>Bytes of <see cref="Abi.SeccompNotifResp"/>.</summary>
    public ushort SeccompNotifResp;

    /// <summary>Bytes of <see cref="Abi.SeccompData"/>.</summary>
    public ushort SeccompData;
}

/// <summary>struct seccomp_notif of linux/seccomp.h. A notification: a thread waits in a system call.</summary>
[LinuxStruct("seccomp_notif")]
[StructLayout(LayoutKind.Sequential)]
public struct SeccompNotif
{
    /// <summary>ID of the notification, unique for the filter.</summary>
    public ulong Id;

    /// <summary>ID of the thread in the listener's PID namespace; 0 if it has none there.</summary>
    public uint Pid;

    /// <summary>0.</summary>
    public uint Flags;

    /// <summary>The system call.</summary>
    public SeccompData Data;
}

/// <summary>struct seccomp_notif_resp of linux/seccomp.h. The answer to a notification.</summary>
[LinuxStruct("seccomp_notif_resp")]
[StructLayout(LayoutKind.Sequential)]
public struct SeccompNotifResp
{
    /// <summary>ID of the notification.</summary>
    public ulong Id;

    /// <summary>Return value of the call, if there is no error.</summary>
    public long Val;

    /// <summary>0, or the negative errno that the call fails with.</summary>
    public int Error;

    /// <summary>
    /// 0 or <see cref="SeccompH.SECCOMP_USER_NOTIF_FLAG_CONTINUE"/>; then the value and the error are 0.
    /// </summary>
    public uint Flags;
}

/// <summary>
/// struct seccomp_notif_addfd of linux/seccomp.h. A file descriptor to install in the process of a notification.
/// </summary>
[LinuxStruct("seccomp_notif_addfd")]
[StructLayout(LayoutKind.Sequential)]
public struct SeccompNotifAddfd
{
    /// <summary>ID of the notification.</summary>
    public ulong Id;

    /// <summary>SECCOMP_ADDFD_FLAG_* bits.</summary>
    public uint Flags;

    /// <summary>File descriptor in the caller.</summary>
    public uint Srcfd;

    /// <summary>Number in the process, with <see cref="SeccompH.SECCOMP_ADDFD_FLAG_SETFD"/>; 0 otherwise.</summary>
    public uint Newfd;

    /// <summary>0 or O_CLOEXEC.</summary>
    public uint NewfdFlags;
}
