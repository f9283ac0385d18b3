using Ioasis.Memory;
using Ioasis.Memory.Threads;

namespace Ioasis.Linux.Memory;

/// <summary>
/// What a program has mapped of a file at addresses that go up with the file's offsets, and our view of the file. It is
/// held once, with the file, for all mappings for DMA that lead to it: each of them is an address alone.
/// </summary>
internal sealed class MappedRun : IHeldMemory
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

    /// <summary>Holds a run, which many share.</summary>
    /// <param name="file">The file; takes over the caller's hold.</param>
    /// <param name="view">A view that has the file from its first byte; takes over the caller's use.</param>
    /// <param name="origin">The program's address of the file's first byte.</param>
    internal static MappedRun Hold(HeldFile file, FileView view, ulong origin)
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

    /// <summary>Names bytes of the run by themselves. They have a hold of their own.</summary>
    /// <param name="start">The program's address of the first byte.</param>
    /// <param name="length">Bytes, held by the caller.</param>
    /// <param name="writable">Whether devices may write them.</param>
    internal FileBacking ToBacking(ulong start, ulong length, bool writable)
    {
        _file.AddReference();
        _file.Join(_view);
        return new FileBacking(_file, unchecked(start - _origin), length, writable, _view);
    }

    private void Drop()
    {
        _file.Leave(_view);
        _file.Release();
    }
}
