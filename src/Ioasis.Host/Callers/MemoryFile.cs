using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Linux.Files;
using Ioasis.Linux.Memory;
using Ioasis.Memory;

namespace Ioasis.Host.Callers;

/// <summary>A memfd of a caller, or a file on tmpfs or hugetlbfs.</summary>
internal sealed class MemoryFile(FileDescriptor file, CallerThread thread) : IMemoryFile, IDisposable
{
    /// <inheritdoc/>
    public Errno Reference(ulong start, ulong length, bool writable, out MemoryBacking? backing)
    {
        Errno errno = TryHold(writable, out HeldFile? held);
        backing = errno == Errno.None ? new FileBacking(held!, start, length, writable) : null;
        return errno;
    }

    /// <inheritdoc/>
    public IHeldFile? TryHold(ulong start, ulong length, bool writable) =>
        TryHold(writable, out HeldFile? held) == Errno.None
            ? MappedRun.TryHold(held!, origin: 0, start, length, writable)
            : null;

    public void Dispose() => file.Dispose();

    private Errno TryHold(bool writable, out HeldFile? held)
    {
        held = null;
        Errno errno = MayUse(writable);
        return errno == Errno.None
            ? HeldFile.TryHold(file, writable, thread.Process.Memory.Files, out held)
            : errno;
    }

    /// <summary>
    /// Whether the caller may use the file as the device would. Linux does not check how the descriptor was opened. But
    /// there only root has /dev/iommu, and here everybody: so the caller must have such a descriptor, or be able to
    /// open one.
    /// </summary>
    private Errno MayUse(bool writable)
    {
        SysResult seals = SysFiles.Fcntl(file, FcntlH.F_GET_SEALS);
        if (writable && seals.IsOk && (seals.Value & (FcntlH.F_SEAL_WRITE | FcntlH.F_SEAL_FUTURE_WRITE)) != 0)
            return Errno.EPERM;
        SysResult flags = SysFiles.Fcntl(file, FcntlH.F_GETFL);
        if (!flags.IsOk) return flags.Errno;
        long mode = flags.Value & FcntlH.O_ACCMODE;
        if (mode == FcntlH.O_RDWR || (mode == FcntlH.O_RDONLY && !writable)) return Errno.None;
        if (SysFiles.Stat(file, out LinuxStat stat) != Errno.None) return Errno.EACCES;
        if (!CallerCredentials.TryRead(thread.Id, out CallerCredentials? who) || !thread.IsAlive) return Errno.EACCES;
        // A capability applies if the file's owner is known to it: in our own user namespace.
        if (!IsInOurUserNamespace()) who = who!.Within(0);
        uint wanted = writable ? FilePermission.MAY_READ | FilePermission.MAY_WRITE : FilePermission.MAY_READ;
        return FilePermission.Permits(who!, new FileOwner(stat.Uid, stat.Gid, stat.Mode), wanted)
            ? Errno.None
            : Errno.EACCES;
    }

    private bool IsInOurUserNamespace()
    {
        Span<byte> theirs = stackalloc byte[64], ours = stackalloc byte[64];
        SysResult of = SysFiles.ReadLinkAt(thread.Directory, "../ns/user\0"u8, theirs),
            own = SysFiles.ReadLink("/proc/self/ns/user", ours);
        return of.IsOk && own.IsOk && theirs[..(int)of.Value].SequenceEqual(ours[..(int)own.Value]);
    }
}
