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
    private const ulong SmallPage = 4096;

    // The smallest and the largest view. A view is larger than the file, since files grow and address space is free.
    private const ulong LeastView = 1 << 21, MostView = 1UL << 42;

    // The most views of a file that are in use at once, and the most bytes of all files' views: a quarter of the
    // address space.
    private const int MostViews = 8;
    private const long MostViewed = 1L << 45;

    // Guards the files by identity, and their hold counts. Innermost.
    private static readonly RankedLock s_lock = new(LockRank.HeldFiles);
    private static readonly Dictionary<(FileIdentity Identity, bool Writable), HeldFile> s_files = [];

    private static long s_viewed; // bytes of all files' views

    // Guards the views and their users. Only this file is mapped and unmapped under it; s_lock is never taken within
    // it.
    private readonly RankedLock _lock = new(LockRank.HeldFileViews);
    private readonly FileDescriptor _file;
    private readonly bool _writable;
    private readonly FileShare? _share;
    private volatile bool _cannotVanish; // once true, always true
    private FileView? _view; // for new mappings; those that use a former one keep it
    private int _views;
    private int _holds = 1;

    private HeldFile(FileDescriptor file, in LinuxStat stat, bool writable, FileShare? share)
    {
        bool held = false;
        file.DangerousAddRef(ref held);
        (_file, _writable, _share) = (file, writable, share);
        Identity = new FileIdentity(stat.Dev, stat.Ino);
        bool isHuge = SysPaths.StatFileSystem(file, out LinuxStatFs system) == Errno.None
            && system.Type == LinuxStatFs.HUGETLBFS_MAGIC;
        PageSize = isHuge ? (ulong)system.BlockSize : SmallPage;
        HasLimit = isHuge || !FileSystems.IsOfMemfds(stat.Dev);
    }

    /// <summary>Identity of the file.</summary>
    internal FileIdentity Identity { get; }

    /// <summary>
    /// Whether a page can be missing although the host has memory: the file is on a file system with a size limit, or
    /// has huge pages.
    /// </summary>
    internal bool HasLimit { get; }

    /// <summary>Size of the file's pages.</summary>
    internal ulong PageSize { get; }

    /// <summary>Whether the file has huge pages.</summary>
    internal bool IsHuge => PageSize != SmallPage;

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
            held = new HeldFile(file, stat, writable, share);
            s_files.Add((identity, writable), held);
            return Errno.None;
        }
    }

    /// <summary>Takes one more hold. The caller guarantees that somebody holds the file meanwhile.</summary>
    internal void AddReference()
    {
        using (s_lock.Enter()) _holds++;
    }

    /// <summary>Releases a hold. The last release closes the file.</summary>
    internal void Release()
    {
        using (s_lock.Enter())
        {
            if (--_holds != 0) return;
            s_files.Remove((Identity, _writable));
        }

        using (_lock.Enter())
            if (_view is not null) Free(_view);
        _file.DangerousRelease();
        _share?.Give();
    }

    /// <summary>
    /// Whether the pages of bytes lie within the file, all to their end (Linux: memfd_pin_folios); false if stat(2)
    /// fails.
    /// </summary>
    /// <param name="first">Offset of the first byte.</param>
    /// <param name="last">Offset of the last byte; smaller than the first one if the run wraps.</param>
    /// <param name="stat">The result of stat(2).</param>
    internal bool Has(ulong first, ulong last, out LinuxStat stat) =>
        SysFiles.Stat(_file, out stat) == Errno.None && stat.Size >= 0 && last >= first
        && (last | (SmallPage - 1)) < (ulong)stat.Size;

    /// <summary>
    /// Finds a view of bytes, all of them within the file. It is intact at a moment after the call began, and stays
    /// mapped until <see cref="Leave"/>.
    /// </summary>
    /// <param name="from">Offset of the first byte.</param>
    /// <param name="last">Offset of the last byte.</param>
    /// <param name="stat">A result of stat(2) from before the call.</param>
    /// <param name="view">The view, if the result is <see cref="Errno.None"/>.</param>
    internal Errno TryView(ulong from, ulong last, in LinuxStat stat, out FileView? view)
    {
        using (_lock.Enter())
        {
            if (_view is null || last >= _view.Length || !_view.IsIntact) Renew(last, stat);
            if (_view is not null && last < _view.Length && _view.IsIntact)
            {
                view = _view;
                view.Users++;
                return Errno.None;
            }
        }

        // Too large, or too many: a view of these bytes alone.
        view = null;
        if (!FileShare.TryTakeViews(_share, 1)) return Errno.ENOMEM;
        ulong first = from & ~(PageSize - 1);
        Errno errno = Map(first, (last | (PageSize - 1)) - first + 1, isPart: true, out view);
        if (view is null) FileShare.GiveViews(_share, 1);
        return errno;
    }

    /// <summary>Begins one more use of a view that is not of one user alone, and that somebody uses.</summary>
    internal void Join(FileView view)
    {
        using (_lock.Enter()) view.Users++;
    }

    /// <summary>Ends a use that <see cref="TryView"/> began. This user accesses the view no more.</summary>
    internal void Leave(FileView view)
    {
        if (view.IsPart)
        {
            view.Free();
            FileShare.GiveViews(_share, 1);
            return;
        }

        using (_lock.Enter())
            if (--view.Users == 0 && view != _view) Free(view);
    }

    /// <summary>
    /// Maps bytes over reserved addresses so that accesses survive the loss of pages. Whoever reserved the addresses
    /// unmaps them, while the file is still held.
    /// </summary>
    /// <param name="address">The first address, a multiple of the page size.</param>
    /// <param name="offset">Offset of the first byte, a multiple of the page size.</param>
    /// <param name="length">Bytes, whole pages.</param>
    /// <param name="guard">The view of <see cref="GuardedViews"/>; negative for none.</param>
    internal Errno MapAt(nint address, ulong offset, ulong length, out int guard)
    {
        guard = -1;
        int protection = SysMemory.PROT_READ | (_writable ? SysMemory.PROT_WRITE : 0);
        Errno errno = SysMemory.MapOver(address, _file, offset, length, protection);
        if (errno == Errno.EACCES && TryReopen(out FileDescriptor anew) == Errno.None)
            using (anew) errno = SysMemory.MapOver(address, anew, offset, length, protection);
        if (errno != Errno.None || CannotVanish()) return errno;
        guard = GuardedViews.Add(address, length, PageSize, _file, offset);
        return guard < 0 ? Errno.ENOMEM : Errno.None;
    }

    /// <summary>
    /// Whether no byte within the file can vanish, so that loads and stores are safe without a guard.
    /// </summary>
    internal bool CannotVanish()
    {
        if (_cannotVanish) return true;
        // Only a memfd is on a file system without a size limit. Such a limit could make the first touch of a page
        // fail.
        SysResult seals = HasLimit ? Errno.EINVAL : SysFiles.Fcntl(_file, FcntlH.F_GET_SEALS);
        return _cannotVanish = seals.IsOk && (seals.Value & FcntlH.F_SEAL_SHRINK) != 0;
    }

    /// <summary>Makes a new view for new mappings, if the file is not too large for one.</summary>
    private void Renew(ulong last, in LinuxStat stat)
    {
        if (_view?.Users == 0)
        {
            Free(_view);
            _view = null;
        }

        if (last >= MostView || _views >= MostViews || !FileShare.TryTakeViews(_share, 1)) return;
        ulong wanted = Math.Max(last, (ulong)stat.Size), length = LeastView;
        while (length <= wanted && length < MostView) length *= 2;
        // A view of huge pages ends with the file, as a longer one would extend it.
        if (IsHuge) length = Math.Min((ulong)stat.Size, MostView) & ~(PageSize - 1);
        if (Interlocked.Add(ref s_viewed, (long)length) > MostViewed
            || Map(0, length, isPart: false, out FileView? view) != Errno.None)
        {
            Interlocked.Add(ref s_viewed, -(long)length);
            FileShare.GiveViews(_share, 1);
            return;
        }

        _view = view;
        _views++;
    }

    private void Free(FileView view)
    {
        _views--;
        Interlocked.Add(ref s_viewed, -(long)view.Length);
        FileShare.GiveViews(_share, 1);
        view.Free();
    }

    private Errno Map(ulong first, ulong length, bool isPart, out FileView? view)
    {
        view = null;
        Errno errno = Map(first, length, out MappedFile? bytes);
        if (errno != Errno.None) return errno;
        if (!CannotVanish()) bytes!.Guard(_file, first, PageSize);
        view = new FileView(bytes!, first, isPart);
        return Errno.None;
    }

    // No huge pages are set aside for a view: it has all of the file, and a device perhaps a part. TryBring takes them.
    private Errno Map(ulong offset, ulong length, out MappedFile? mapped)
    {
        Errno errno = MappedFile.TryMap(_file, offset, length, _writable, out mapped, reserve: false);
        if (errno != Errno.EACCES) return errno;
        errno = TryReopen(out FileDescriptor anew);
        if (errno != Errno.None) return errno;
        using (anew) return MappedFile.TryMap(anew, offset, length, _writable, out mapped, reserve: false);
    }

    // The descriptor may permit less than the mapping needs, which Linux does not mind because it does not map the
    // file. The caller's right to the access was checked (MemoryFile).
    private Errno TryReopen(out FileDescriptor anew) => SysFiles.Open(
        $"/proc/self/fd/{_file.Number}", _writable ? FcntlH.O_RDWR : FcntlH.O_RDONLY, out anew);
}
