using Ioasis.Abi;
using Ioasis.Linux.Files;
using Ioasis.Memory;
using Ioasis.Memory.Threads;

namespace Ioasis.Linux.Memory;

/// <summary>
/// What a program has mapped of a file at addresses that go up with the file's offsets, and our view of the file. It is
/// held once, with the file, for all mappings for DMA that lead to it: each of them is an address alone. A file that
/// need not be mapped in a program is a run, too: its addresses are offsets.
/// </summary>
internal sealed class MappedRun : IHeldFile
{
    // Guards the runs that are held. Innermost.
    private static readonly RankedLock s_lock = new(LockRank.MappedRuns);
    private static readonly Dictionary<(FileView View, ulong Origin), MappedRun> s_runs = [];

    private readonly HeldFile _file;
    private readonly FileView _view;
    private readonly ulong _origin; // the program's address of the file's first byte; wraps
    private HoldCount _holds = new();

    private MappedRun(HeldFile file, FileView view, ulong origin) =>
        (_file, _view, _origin, Shift) = (file, view, origin, (nint)unchecked((ulong)view.AddressOf(0) - origin));

    /// <inheritdoc/>
    public nint Shift { get; }

    /// <summary>
    /// Populates bytes of a file, and holds the run that they belong to. Null if we cannot have all of the file mapped,
    /// if accesses of it are not safe, or if the bytes cannot be populated.
    /// </summary>
    /// <param name="file">The file; takes over the caller's hold, also if the result is null.</param>
    /// <param name="origin">The program's address of the file's first byte.</param>
    /// <param name="start">The program's address of the first byte.</param>
    /// <param name="length">Bytes, not 0.</param>
    /// <param name="writable">Whether devices may write them.</param>
    internal static MappedRun? TryHold(HeldFile file, ulong origin, ulong start, ulong length, bool writable)
    {
        ulong first = unchecked(start - origin);
        if (TryView(file, first, unchecked(first + (length - 1)), writable) is { } view)
            return Hold(file, view, origin);
        file.Release();
        return null;
    }

    /// <summary>A view of all of a file, in which its bytes are safe to access; null if there is none.</summary>
    private static FileView? TryView(HeldFile file, ulong first, ulong last, bool writable)
    {
        if (!file.Has(first, last, out LinuxStat stat)
            || file.TryView(first, last, stat, out FileView? view) != Errno.None) return null;
        if (!view!.IsPart && (view.IsGuarded || file.CannotVanish())
            && (!file.HasLimit || SysMemory.TryBring(view.AddressOf(first), last - first + 1, writable))) return view;
        file.Leave(view);
        return null;
    }

    // Takes over the caller's hold on the file and its use of the view, which has the file from its first byte.
    private static MappedRun Hold(HeldFile file, FileView view, ulong origin)
    {
        MappedRun? run;
        using (s_lock.Enter())
        {
            if (!s_runs.TryGetValue((view, origin), out run) || !run._holds.TryAdd())
                return s_runs[(view, origin)] = new MappedRun(file, view, origin);
        }

        run.Drop(); // what the caller held
        return run;
    }

    /// <inheritdoc/>
    public void AddReference() => _holds.Add();

    /// <inheritdoc/>
    public void Release()
    {
        if (!_holds.Release()) return;
        using (s_lock.Enter())
            if (s_runs.GetValueOrDefault((_view, _origin)) == this) s_runs.Remove((_view, _origin));
        Drop();
    }

    /// <inheritdoc/>
    public MemoryLocation LocationOf(ulong address) => new(_file.Identity, unchecked(address - _origin));

    /// <inheritdoc/>
    public bool TryAddress(MemoryLocation location, out ulong address)
    {
        address = unchecked(_origin + location.Offset);
        return _file.Identity.Equals(location.Memory);
    }

    /// <inheritdoc/>
    public MemoryBacking Reference(ulong start, ulong length, bool writable)
    {
        _file.AddReference();
        _file.Join(_view);
        var backing = new FileBacking(_file, unchecked(start - _origin), length, writable, _view);
        Release();
        return backing;
    }

    private void Drop()
    {
        _file.Leave(_view);
        _file.Release();
    }
}
