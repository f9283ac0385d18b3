using Ioasis.Abi;
using Ioasis.Linux.Files;
using Ioasis.Memory.Threads;

namespace Ioasis.Linux.Memory;

/// <summary>
/// A file in memory that devices access. It is held open and mapped into our process once, however many mappings of any
/// programs lead to it. Read-only and writable holds are separate objects, so that a read-only one cannot be written by
/// accident.
/// </summary>
internal sealed class HeldFile
{
    private const ulong PageSize = 4096;

    // The smallest and the largest view. A view is larger than the file, since files grow and address space is free.
    private const ulong LeastView = 1 << 21, MostView = 1UL << 42;

    // Guards the files by identity, and their hold counts. Innermost.
    private static readonly RankedLock s_lock = new(LockRank.HeldFiles);
    private static readonly Dictionary<(FileIdentity Identity, bool Writable), HeldFile> s_files = [];

    // Guards the views. Only this file is mapped under it; s_lock is never taken within it.
    private readonly RankedLock _lock = new(LockRank.HeldFileViews);
    private readonly FileDescriptor _file;
    private readonly bool _writable;
    private readonly FileShare? _share;
    private MappedFile? _view;
    private List<MappedFile>? _formerViews; // views of a file that has grown since: their addresses are in use
    private int _holds = 1;

    private HeldFile(FileDescriptor file, FileIdentity identity, bool writable, FileShare? share)
    {
        bool held = false;
        file.DangerousAddRef(ref held);
        (_file, Identity, _writable, _share) = (file, identity, writable, share);
    }

    /// <summary>Identity of the file.</summary>
    internal FileIdentity Identity { get; }

    /// <summary>Takes a hold on a file that is already held; null if it is not.</summary>
    internal static HeldFile? TryHold(FileIdentity identity, bool writable)
    {
        using (s_lock.Enter())
        {
            if (!s_files.TryGetValue((identity, writable), out HeldFile? held)) return null;
            held._holds++;
            return held;
        }
    }

    /// <summary>Takes a hold on a file. Opens it if nobody holds it yet.</summary>
    /// <param name="file">The file.</param>
    /// <param name="writable">Whether devices may write it.</param>
    /// <param name="share">The share that it counts against; null for none.</param>
    /// <param name="held">The file, if the result is <see cref="Errno.None"/>.</param>
    /// <returns><see cref="Errno.EMFILE"/> if the share is used up.</returns>
    internal static Errno TryHold(FileDescriptor file, bool writable, FileShare? share, out HeldFile? held)
    {
        held = null;
        Errno errno = SysFiles.Stat(file, out LinuxStat stat);
        if (errno != Errno.None) return errno;
        var identity = new FileIdentity(stat.Dev, stat.Ino);
        using (s_lock.Enter())
        {
            if (s_files.TryGetValue((identity, writable), out held))
            {
                held._holds++;
                return Errno.None;
            }

            if (share?.TryTake() == false) return Errno.EMFILE;
            held = new HeldFile(file, identity, writable, share);
            s_files.Add((identity, writable), held);
            return Errno.None;
        }
    }

    /// <summary>Releases a hold. The last release closes the file.</summary>
    internal void Release()
    {
        using (s_lock.Enter())
        {
            if (--_holds != 0) return;
            s_files.Remove((Identity, _writable));
        }

        _view?.Dispose();
        foreach (MappedFile view in _formerViews ?? []) view.Dispose();
        _file.DangerousRelease();
        _share?.Give();
    }

    /// <summary>stat(2) of the file; false if it fails.</summary>
    internal bool TryStat(out LinuxStat stat) => SysFiles.Stat(_file, out stat) == Errno.None && stat.Size >= 0;

    /// <summary>
    /// Finds the address of bytes in our own process. They stay there until the file is released. An access beyond the
    /// file's end raises SIGBUS, which kills us.
    /// </summary>
    /// <param name="from">Offset of the first byte.</param>
    /// <param name="last">Offset of the last byte.</param>
    /// <param name="stat">The current result of stat(2).</param>
    /// <param name="address">Address of the first byte.</param>
    /// <param name="own">A mapping that the caller disposes of after use; null if the bytes belong to the file's own
    /// view.</param>
    internal Errno TryMap(ulong from, ulong last, in LinuxStat stat, out nint address, out MappedFile? own)
    {
        (address, own) = (0, null);
        // Files of huge pages get no large view: a mapping reserves the pages and extends the file. Only whole pages
        // that were asked for are mapped.
        if (stat.BlockSize > (long)PageSize || last >= MostView)
            return TryMapPart(from, last, stat, out address, out own);
        using (_lock.Enter())
        {
            if (_view is null || _view.Length <= last)
            {
                ulong wanted = Math.Max(last, (ulong)stat.Size), length = LeastView;
                while (length <= wanted && length < MostView) length *= 2;
                if (Map(0, length, out MappedFile? view) != Errno.None)
                    return TryMapPart(from, last, stat, out address, out own);
                if (_view is not null) (_formerViews ??= []).Add(_view);
                _view = view;
            }

            address = _view!.Address + (nint)from;
            return Errno.None;
        }
    }

    /// <summary>
    /// Whether no byte within the file can vanish, so that loads and stores are safe without a check.
    /// </summary>
    internal bool CannotVanish(in LinuxStat stat)
    {
        // Only a memfd is on a file system without a size limit. Such a limit could make the first touch of a page
        // fail.
        SysResult seals = SysFiles.Fcntl(_file, FcntlH.F_GET_SEALS);
        return seals.IsOk && (seals.Value & FcntlH.F_SEAL_SHRINK) != 0 && FileSystems.IsOfMemfds(stat.Dev);
    }

    private Errno TryMapPart(ulong from, ulong last, in LinuxStat stat, out nint address, out MappedFile? own)
    {
        address = 0;
        ulong alignment = ulong.IsPow2((ulong)stat.BlockSize) ? Math.Max(PageSize, (ulong)stat.BlockSize) : PageSize;
        ulong first = from & ~(alignment - 1);
        Errno errno = Map(first, (last | (alignment - 1)) - first + 1, out own);
        if (errno == Errno.None) address = own!.Address + (nint)(from - first);
        return errno;
    }

    private Errno Map(ulong offset, ulong length, out MappedFile? mapped)
    {
        Errno errno = MappedFile.TryMap(_file, offset, length, _writable, out mapped);
        if (errno != Errno.EACCES) return errno;

        // The descriptor may permit less than the mapping needs, which Linux does not mind because it does not map the
        // file. The caller's right to the access was checked (MemoryFile), so reopen it.
        int flags = _writable ? FcntlH.O_RDWR : FcntlH.O_RDONLY;
        errno = SysFiles.Open($"/proc/self/fd/{_file.Number}", flags, out FileDescriptor anew);
        if (errno != Errno.None) return errno;
        using (anew) return MappedFile.TryMap(anew, offset, length, _writable, out mapped);
    }
}
