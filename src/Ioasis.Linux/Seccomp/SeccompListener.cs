using Ioasis.Abi;
using Ioasis.Linux.Files;
using Ioasis.Linux.Memory;

namespace Ioasis.Linux.Seccomp;

/// <summary>
/// The listener of a seccomp filter: receives the calls that the filter stops, and answers them (seccomp_unotify(2)).
/// </summary>
internal sealed class SeccompListener(FileDescriptor file) : IDisposable
{
    /// <summary>The listener's file, to poll.</summary>
    public FileDescriptor File => file;

    /// <summary>The ID of the program that we started, if it can be trusted. Set before the first call.</summary>
    public StableId? Program { get; set; }

    /// <summary>
    /// Whether only a fatal signal can interrupt a call after it was received: since Linux 5.19
    /// (SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV).
    /// </summary>
    public bool WaitsKillable { get; } = Environment.OSVersion.Version >= new Version(5, 19);

    /// <summary>
    /// Waits for a stopped call. ENOENT if the call ended before it could be received, or if the filter has no users
    /// left.
    /// </summary>
    public Errno Receive(out SeccompNotif call)
    {
        call = default; // the kernel requires zeroes
        long epoch = Program?.Epoch ?? 0;
        Errno errno = SysFiles.Ioctl(file, SeccompH.SECCOMP_IOCTL_NOTIF_RECV, ref call).Errno;
        StableId.NoteReceived(call.Id, epoch);
        return errno;
    }

    /// <summary>Answers a call. ENOENT if the call no longer waits.</summary>
    public Errno Send(SeccompNotifResp answer) =>
        SysFiles.Ioctl(file, SeccompH.SECCOMP_IOCTL_NOTIF_SEND, ref answer).Errno;

    /// <summary>Whether the call still waits. If it does, its thread ID has been valid until now.</summary>
    public bool IsValid(ulong id) => SysFiles.Ioctl(file, SeccompH.SECCOMP_IOCTL_NOTIF_ID_VALID, ref id).IsOk;

    /// <summary>
    /// Installs one of our files in the process of a call; returns its number there. With <paramref name="answers"/>,
    /// that number is also the answer to the call, in one step.
    /// </summary>
    public SysResult PlaceFile(ulong id, FileDescriptor placed, bool closeOnExec, bool answers)
    {
        bool held = false;
        placed.DangerousAddRef(ref held);
        try
        {
            var request = new SeccompNotifAddfd
            {
                Id = id,
                Flags = answers ? SeccompH.SECCOMP_ADDFD_FLAG_SEND : 0,
                Srcfd = (uint)placed.Number,
                NewfdFlags = closeOnExec ? (uint)FcntlH.O_CLOEXEC : 0,
            };
            return SysFiles.Ioctl(file, SeccompH.SECCOMP_IOCTL_NOTIF_ADDFD, ref request);
        }
        finally
        {
            if (held) placed.DangerousRelease();
        }
    }

    /// <summary>Lets the two sides wake each other on one CPU. Fails without effect on kernels before 6.6.</summary>
    public Errno EnableSyncWakeUp() =>
        SysFiles.Ioctl(file, SeccompH.SECCOMP_IOCTL_NOTIF_SET_FLAGS,
            (nint)SeccompH.SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP).Errno;

    public void Dispose() => file.Dispose();
}
