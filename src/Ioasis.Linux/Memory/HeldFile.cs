using Ioasis.Abi;
using Ioasis.Linux.Files;

namespace Ioasis.Linux.Memory;

/// <summary>
/// A file in memory that devices access, held open and mapped into our own process: once, however many mappings of
/// whatever programs lead to it. One for reading alone is another, so that none is written by accident.
/// </summary>
internal sealed class HeldFile
{
    private const ulong PageSize = 4096;

    // The least that is mapped at once, and the most: files grow, and address space costs nothing.
    private const ulong LeastView = 1 << 21, MostView = 1UL << 42;

    // Guards the files by identity, and how often each is held. Innermost.
    private static readonly Lock s_lock = new();
    private static readonly Dictionary<(FileIdentity Identity, bool Writable), HeldFile> s_files = [];

    // Guards the views; only the file's own are mapped under it. s_lock is not taken within it.
    private readonly Lock _lock = new();
    private readonly FileDescriptor _file;
    private readonly bool _writable;
    private readonly FileShare? _share;
    private MappedFile? _view;
    private List<MappedFile>? _formerViews; // of a file that grew: their addresses were given out
    private int _holds = 1;

    private HeldFile(FileDescriptor file, FileIdentity identity, bool writable, FileShare? share)
    {
        bool held = false;
        file.DangerousAddRef(ref held);
        (_file, Identity, _writable, _share) = (file, identity, writable, share);
    }

    /// <summary>Which file it is.</summary>
    internal FileIdentity Identity { get; }

    /// <summary>Holds a file that is held already; null where it is not.</summary>
    internal static HeldFile? TryHold(FileIdentity identity, bool writable)
    {
        lock (s_lock)
        {
            if (!s_files.TryGetValue((identity, writable), out HeldFile? held)) return null;
            held._holds++;
            return held;
        }
    }

    /// <summary>Holds a file; it stays open for that, if it is not open already.</summary>
    /// <param name="file">The file.</param>
    /// <param name="writable">Whether it is to be written.</param>
    /// <param name="share">What it counts for; null for nobody.</param>
    /// <param name="held">The file, when the answer is <see cref="Errno.None"/>.</param>
    /// <returns><see cref="Errno.EMFILE"/> where the share is used up.</returns>
    internal static Errno TryHold(FileDescriptor file, bool writable, FileShare? share, out HeldFile? held)
    {
        held = null;
        Errno errno = SysFiles.Stat(file, out LinuxStat stat);
        if (errno != Errno.None) return errno;
        var identity = new FileIdentity(stat.Dev, stat.Ino);
        lock (s_lock)
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

    /// <summary>Lets go of it; the last closes it.</summary>
    internal void Release()
    {
        lock (s_lock)
        {
            if (--_holds != 0) return;
            s_files.Remove((Identity, _writable));
        }

        _view?.Dispose();
        foreach (MappedFile view in _formerViews ?? []) view.Dispose();
        _file.DangerousRelease();
        _share?.Give();
    }

    /// <summary>What stat(2) says of it now; false where it does not.</summary>
    internal bool TryStat(out LinuxStat stat) => SysFiles.Stat(_file, out stat) == Errno.None && stat.Size >= 0;

    /// <summary>
    /// Finds bytes in our own process. They stay there until the file is let go of; who accesses one that lies beyond
    /// the file's end is ended for it.
    /// </summary>
    /// <param name="from">The first.</param>
    /// <param name="last">The last.</param>
    /// <param name="stat">What stat(2) says of the file.</param>
    /// <param name="address">Where the first is.</param>
    /// <param name="own">What the caller is to dispose of when it needs them no more; null where they are the
    /// file's.</param>
    internal Errno TryMap(ulong from, ulong last, in LinuxStat stat, out nint address, out MappedFile? own)
    {
        (address, own) = (0, null);
        // A file of huge pages is mapped by whole ones, and only where it is asked for: what is mapped of it is
        // reserved, and makes it longer.
        if (stat.BlockSize > (long)PageSize || last >= MostView)
            return TryMapPart(from, last, stat, out address, out own);
        lock (_lock)
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

    /// <summary>Whether no byte of what lies in the file can vanish: then it may be accessed without asking.</summary>
    internal bool CannotVanish(in LinuxStat stat)
    {
        // Only memfds have no size limit that could keep a page of theirs from being made when it is touched.
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

        // Opened for less than that, by who may open it for that (MemoryFile): Linux has no need to map it.
        int flags = _writable ? FcntlH.O_RDWR : FcntlH.O_RDONLY;
        errno = SysFiles.Open($"/proc/self/fd/{_file.Number}", flags, out FileDescriptor anew);
        if (errno != Errno.None) return errno;
        using (anew) return MappedFile.TryMap(anew, offset, length, _writable, out mapped);
    }
}
