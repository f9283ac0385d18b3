using System.Buffers.Text;
using Ioasis.Abi;
using Ioasis.Host.Devices;
using Ioasis.Iommufd.Files;
using Ioasis.Linux.Files;
using Ioasis.Linux.Memory;
using Ioasis.Linux.Processes;
using Ioasis.Memory;

namespace Ioasis.Host.Callers;

/// <summary>
/// A thread that called a node of ours. An open /proc/TID/fd identifies it: the file is bound to the thread, so after
/// the thread's end nothing is found there, even if its ID is recycled.
/// </summary>
/// <param name="id">Its ID.</param>
/// <param name="directory">Its /proc/TID/fd.</param>
/// <param name="pidfd">Its pidfd; null if the kernel offers none for threads other than the first.</param>
/// <param name="process">Its process.</param>
/// <param name="files">The files of ours that programs have open.</param>
/// <param name="opener">Opens more of them.</param>
internal sealed class CallerThread(
    int id, FileDescriptor directory, FileDescriptor? pidfd, CallerProcess process, OpenFiles files,
    NodeOpener opener) : ICaller, IDisposable
{
    // Only the thread of ours that serves the call uses these, and a thread makes one call at a time.
    private readonly KnownDescriptors _known = new(directory);
    private List<OpenFile>? _heldInCall;
    private ulong _call;

    // Number of its calls being served. The bit Disposed: close its files after the last one.
    private const int Disposed = 1 << 30;
    private int _inCall;

    /// <summary>Its ID.</summary>
    public int Id => id;

    /// <summary>Its process.</summary>
    public CallerProcess Process => process;

    /// <summary>Its /proc/TID/fd.</summary>
    public FileDescriptor Directory => directory;

    /// <summary>Its pidfd, if any.</summary>
    public FileDescriptor? Pidfd => pidfd;

    /// <inheritdoc/>
    public AddressSpace Memory => process.Memory;

    /// <summary>Whether the thread is alive.</summary>
    public bool IsAlive => SysFiles.StatAt(directory, "../status\0"u8, 0, out _) == Errno.None;

    /// <summary>Whether a call of it is being served.</summary>
    public bool IsInCall => (Volatile.Read(ref _inCall) & ~Disposed) != 0;

    /// <summary>Time of its last call, in milliseconds since the host started.</summary>
    public long LastCall { get; private set; }

    /// <summary>
    /// The open file of ours behind a descriptor of the thread, held for a call; null if the file is not ours.
    /// </summary>
    /// <returns>
    /// An error if the descriptor is not open, the thread is gone, or we lack the resources to find out.
    /// </returns>
    public Errno TryHold(int descriptor, out OpenFile? open)
    {
        if (_known.TryRead(descriptor, out DescriptorInfo info))
        {
            if (files.TryHold(info, out open)) return Errno.None;
            _known.Drop(descriptor);
        }

        open = null;
        Errno errno = TryStat(descriptor, out LinuxStat stat);
        if (errno == Errno.None && files.TryHold(stat.Dev, stat.Ino, out open)
            && open.Carrier.Mount != FileCarrier.UnknownMount) _known.Add(descriptor);
        return errno;
    }

    /// <summary>stat(2) of an open file of the thread, without waiting for a file server.</summary>
    public Errno TryStat(int descriptor, out LinuxStat stat)
    {
        // Fetching the file takes two thirds of the time of a look-up in /proc.
        if (pidfd is null || descriptor < 0) return TryStat(directory, descriptor, out stat);
        Errno errno = SysProcesses.StatFileOf(pidfd, descriptor, out stat);
        // EPERM, ENOSYS: the host forbids pidfd_getfd, as containers do.
        return errno is Errno.EMFILE or Errno.ENFILE or Errno.EPERM or Errno.ENOSYS
            ? TryStat(directory, descriptor, out stat)
            : errno;
    }

    /// <summary>The same for a thread of which only /proc/TID/fd is known.</summary>
    public static Errno TryStat(FileDescriptor directory, int descriptor, out LinuxStat stat)
    {
        stat = default;
        Span<byte> name = stackalloc byte[12];
        if (descriptor < 0 || !Utf8Formatter.TryFormat(descriptor, name, out int length)) return Errno.EBADF;
        name[length] = 0;
        return SysFiles.StatAt(directory, name[..(length + 1)], FcntlH.AT_STATX_DONT_SYNC, out stat);
    }

    /// <inheritdoc/>
    public Errno GetFile(int descriptor, out IOpenFile? file)
    {
        file = null;
        Errno errno = TryHold(descriptor, out OpenFile? open);
        if (errno != Errno.None) return CallerFiles.Told(errno, descriptor);
        if (open is not null)
        {
            // Another thread of the caller may close it meanwhile, so hold it until the call ends.
            (_heldInCall ??= []).Add(open);
            file = open.File;
            return Errno.None;
        }

        return CallerFiles.Get(this, descriptor, out file);
    }

    /// <inheritdoc/>
    public SysResult InstallFile(INode node) =>
        opener.Open(_call, process.Pid, node, FcntlH.O_RDWR | FcntlH.O_CLOEXEC, answers: false);

    /// <inheritdoc/>
    public SysResult InstallAgain(NodeFile file) => opener.OpenAgain(_call, file);

    /// <inheritdoc/>
    public SysResult InstallQueue(QueueFile queue) => opener.Open(_call, process.Pid, queue);

    /// <inheritdoc/>
    public ProcessPins Pins => process.Pins;

    /// <inheritdoc/>
    public UserPins UserPins
    {
        get
        {
            if (pidfd is not null && SysCredentials.TryGetRealUser(pidfd, out uint user))
                return CallerPins.OfUser(user);
            return CallerPins.OfUser(ThreadStatus.TryRead(directory, out ThreadStatus status) ? status.RealUser : 0);
        }
    }

    /// <inheritdoc/>
    public bool HasCapability(int capability) =>
        SysCredentials.TryGetCapabilities(id, out ulong effective) && (effective >> capability & 1) != 0;

    /// <summary>
    /// Declares that from here to <see cref="LeaveCall"/> the thread waits while the calling thread serves it.
    /// </summary>
    /// <param name="call">The call's ID.</param>
    /// <returns>False if the thread has been forgotten.</returns>
    public bool TryEnter(ulong call)
    {
        if ((Interlocked.Increment(ref _inCall) & Disposed) != 0)
        {
            Leave();
            return false;
        }

        _call = call;
        LastCall = Environment.TickCount64;
        long epoch = 0;
        StableId? stable = id == process.Pid && StableId.TryGetEpoch(call, out epoch) ? process.StableId : null;
        process.Memory.EnterCall(id, stable, epoch);
        return true;
    }

    /// <summary>Ends a call that <see cref="TryEnter"/> began.</summary>
    public void LeaveCall()
    {
        ProcessMemory.LeaveCall();
        if (_heldInCall is { Count: > 0 })
        {
            foreach (OpenFile open in _heldInCall) open.Release();
            _heldInCall.Clear();
        }

        Leave();
    }

    /// <summary>Closes its files; during a call, after the call.</summary>
    public void Dispose()
    {
        int before = Interlocked.Or(ref _inCall, Disposed);
        if (before == 0) Free();
    }

    // The last one to leave frees. Freeing twice is harmless.
    private void Leave()
    {
        if (Interlocked.Decrement(ref _inCall) == Disposed) Free();
    }

    private void Free()
    {
        _known.Dispose();
        directory.Dispose();
        pidfd?.Dispose();
    }
}
