using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Linux.Files;
using Ioasis.Linux.Memory;
using Ioasis.Memory;
using Ioasis.Memory.Threads;

namespace Ioasis.Host.Devices;

/// <summary>
/// The memfd that a program gets for an open node. Its inode tells which open file it is, through dup, fork and
/// SCM_RIGHTS; its bytes are what the program maps. Sealed, so that nobody can take pages away under our own mappings
/// by truncating it.
/// </summary>
internal sealed class Carrier : FileCarrier, ICarrier
{
    /// <summary>
    /// The length of a node's carrier in bytes: far above every region's end, and far below what a file can have.
    /// </summary>
    internal const ulong Size = 1UL << 48;

    private readonly FileDescriptor _file;
    private readonly bool _takesMessages;

    // Guards _mapped. Nothing else is locked while it is held.
    private readonly RankedLock _lock = new(LockRank.Carrier);
    private readonly Dictionary<(ulong Offset, ulong Length), MappedFile> _mapped = [];

    private Carrier(FileDescriptor file, in LinuxStat stat, bool isNode, bool takesMessages) : base(file, stat)
    {
        _file = file;
        _takesMessages = takesMessages;
        IsNode = isNode;
    }

    /// <summary>Its path in our own process, good for opening it anew and for watching it.</summary>
    public string OwnPath => PathOf(_file);

    /// <inheritdoc/>
    public override bool IsNode { get; }

    /// <summary>How long it is.</summary>
    public ulong Length => SysFiles.Stat(_file, out LinuxStat stat) == Errno.None ? (ulong)stat.Size : 0;

    /// <summary>Makes one for a node.</summary>
    /// <param name="name">What /proc/PID/maps shows of it.</param>
    /// <param name="carrier">The carrier, when the answer is <see cref="Errno.None"/>.</param>
    /// <param name="takesMessages">Whether messages are written to it, and nothing else is done at the file
    /// position.</param>
    public static Errno TryCreate(string name, out Carrier? carrier, bool takesMessages = false) =>
        TryCreate(name, Size, isNode: true, takesMessages, out carrier);

    /// <summary>Makes one that programs read and write as an ordinary file.</summary>
    /// <param name="name">As of a node.</param>
    /// <param name="size">How long it is, for good; null for an empty file that may become longer.</param>
    /// <param name="carrier">The carrier, when the answer is <see cref="Errno.None"/>.</param>
    public static Errno TryCreateFile(string name, ulong? size, out Carrier? carrier) =>
        TryCreate(name, size, isNode: false, takesMessages: false, out carrier);

    private static Errno TryCreate(
        string name, ulong? size, bool isNode, bool takesMessages, out Carrier? carrier)
    {
        const uint Flags = FcntlH.MFD_CLOEXEC | FcntlH.MFD_ALLOW_SEALING;
        int seals = size is null ? FcntlH.F_SEAL_SEAL : FcntlH.F_SEAL_SHRINK | FcntlH.F_SEAL_GROW | FcntlH.F_SEAL_SEAL;
        carrier = null;
        // MFD_NOEXEC_SEAL came with Linux 6.3; some hosts insist on it.
        Errno errno = SysFiles.CreateMemfd(name, Flags | FcntlH.MFD_NOEXEC_SEAL, out FileDescriptor file);
        if (errno == Errno.EINVAL) errno = SysFiles.CreateMemfd(name, Flags, out file);
        if (errno == Errno.None && size is { } length) errno = SysFiles.Truncate(file, length);
        if (errno == Errno.None) errno = SysFiles.Fcntl(file, FcntlH.F_ADD_SEALS, seals).Errno;
        using (file)
        {
            // Opened once more, for us: the kernel does not count the first open file of a memfd, and IsUnused lives by
            // that count.
            FileDescriptor? own = null;
            LinuxStat stat = default;
            if (errno == Errno.None) errno = SysFiles.Open(PathOf(file), FcntlH.O_RDWR, out own);
            if (errno == Errno.None) errno = SysFiles.Stat(own!, out stat);
            if (errno == Errno.None) carrier = new Carrier(own!, stat, isNode, takesMessages);
            else own?.Dispose();
            return errno;
        }
    }

    /// <summary>
    /// Opens it anew, for a program: another open file description on the same bytes. A node's is open for appending,
    /// and nothing can be appended, so that whatever writes to it without being brought to us fails (EPERM), and leaves
    /// nothing behind.
    /// </summary>
    public override Errno Reopen(int flags, out FileDescriptor? file)
    {
        if (IsNode && (flags & FcntlH.O_ACCMODE) != FcntlH.O_RDONLY) flags |= FcntlH.O_APPEND;
        Errno errno = SysFiles.Open(OwnPath, flags, out file);
        // read(2) at the file position has no meaning for our nodes: at the end there is nothing. At the last position
        // of all, Linux refuses to read and to write anything (EINVAL).
        if (errno == Errno.None && IsNode)
            SysFiles.Seek(file!, _takesMessages ? long.MaxValue : (long)Size, FcntlH.SEEK_SET);
        return errno;
    }

    /// <summary>
    /// Whether nobody but us has the file open any more. A write lease is granted only then; we let it go at once.
    /// </summary>
    public bool IsUnused()
    {
        if (!SysFiles.Fcntl(_file, FcntlH.F_SETLEASE, FcntlH.F_WRLCK).IsOk) return false;
        SysFiles.Fcntl(_file, FcntlH.F_SETLEASE, FcntlH.F_UNLCK);
        return true;
    }

    /// <summary>Bytes of it; fewer where it ends.</summary>
    public byte[] Read(ulong offset, int count)
    {
        var bytes = new byte[count];
        SysResult got = SysFiles.ReadAt(_file, bytes, offset);
        return got.IsOk ? bytes[..(int)got.Value] : [];
    }

    /// <summary>All bytes become zero.</summary>
    public void Clear() => SysFiles.PunchHole(_file, 0, Length);

    /// <inheritdoc/>
    public SharedBytes Map(ulong offset, ulong length)
    {
        using (_lock.Enter())
        {
            if (_mapped.TryGetValue((offset, length), out MappedFile? mapped)) return mapped;
            Errno errno = MappedFile.TryMap(_file, offset, length, writable: true, out mapped);
            if (errno != Errno.None)
                throw new IOException($"The carrier's bytes 0x{offset:x}+0x{length:x} cannot be mapped ({errno}).");
            _mapped.Add((offset, length), mapped!);
            return mapped!;
        }
    }

    /// <inheritdoc/>
    public void Free(ulong offset, ulong length)
    {
        using (_lock.Enter())
            if (_mapped.Remove((offset, length), out MappedFile? mapped)) mapped.Dispose();
        SysFiles.PunchHole(_file, offset, length);
    }

    /// <inheritdoc/>
    public bool IsMapped(ulong offset, ulong length) => FileMappings.Exist(Device, Inode, offset, length);

    /// <summary>Gives memory and file back. Nothing may use the mapped bytes any more.</summary>
    public override void Dispose()
    {
        using (_lock.Enter())
        {
            foreach (MappedFile mapped in _mapped.Values) mapped.Dispose();
            _mapped.Clear();
        }

        _file.Dispose();
    }

    private static string PathOf(FileDescriptor file) => $"/proc/self/fd/{file.Number}";
}
