using Ioasis.Abi;
using Ioasis.Linux.Files;
using Ioasis.Memory;

namespace Ioasis.Linux.Memory;

/// <summary>
/// The memory of another process, through files in /proc that are bound to its address space. So neither a recycled PID
/// nor the program after an exec is ever reached.
/// </summary>
internal sealed partial class ProcessMemory : AddressSpace, IDisposable
{
    // A page that was faulted in can be reclaimed before it is accessed.
    private const int MostTries = 8;

    private const ulong PageSize = 4096;

    [ThreadStatic]
    private static CallWindow? s_call;

    private readonly FileDescriptor _directory;
    private readonly FileDescriptor _memory;
    private readonly ProcessMaps _maps;
    private readonly PageBringer _bringer;
    private readonly PageWaits _waits = new();
    private readonly Func<ulong, ulong, bool>? _isForbidden;
    private readonly Func<ProcmapQuery, bool>? _isFit; // rejects memory of our own devices
    private volatile PageMap? _pages; // opened on first use
    private PrivateMemory? _readable, _writable; // made on first use
    private volatile bool _gone;

    private ProcessMemory(int process, FileDescriptor directory, FileDescriptor memory, ProcessMaps maps,
        Func<ulong, ulong, bool>? isForbidden)
    {
        Process = process;
        _directory = directory;
        _memory = memory;
        _maps = maps;
        _bringer = new PageBringer(process);
        _isForbidden = isForbidden;
        _isFit = isForbidden is null ? null : IsFit;
    }

    /// <summary>The ID of the process that first used it; another may have the number since.</summary>
    public override int? Process { get; }

    /// <summary>Whether the address space has no users any more: its processes ended or ran other programs.</summary>
    public bool IsGone
    {
        get
        {
            if (_gone) return true;
            try
            {
                // Reads at address 0. It fails (unmapped) or reads a byte while there is memory; it reads nothing once
                // the memory is gone.
                SysResult got = SysFiles.ReadAt(_memory, stackalloc byte[1], 0);
                return got.IsOk && got.Value == 0;
            }
            catch (ObjectDisposedException)
            {
                return true; // the process has just ended
            }
        }
    }

    /// <summary>Opens the memory of a process.</summary>
    /// <param name="id">Its ID.</param>
    /// <param name="process">The directory /proc/PID, or a directory in it.</param>
    /// <param name="prefix">The path from there to /proc/PID: empty, or <c>../</c>.</param>
    /// <param name="isForbidden">Tells files, by device and inode, whose mappings cannot be referenced for DMA.</param>
    /// <param name="memory">The memory, if the result is <see cref="Errno.None"/>.</param>
    public static Errno TryOpen(
        int id, FileDescriptor process, string prefix, Func<ulong, ulong, bool>? isForbidden, out ProcessMemory? memory)
    {
        memory = null;
        Errno errno = SysFiles.OpenAt(process, prefix + "mem", FcntlH.O_RDWR, out FileDescriptor mem);
        if (errno != Errno.None) return errno;
        errno = SysFiles.OpenAt(process, prefix + "maps", FcntlH.O_RDONLY, out FileDescriptor maps);
        if (errno == Errno.None)
        {
            errno = SysFiles.OpenAt(process, prefix + ".", FcntlH.O_RDONLY, out FileDescriptor directory);
            if (errno == Errno.None)
            {
                memory = new ProcessMemory(id, directory, mem, new ProcessMaps(maps), isForbidden);
                return Errno.None;
            }

            maps.Dispose();
        }

        mem.Dispose();
        return errno;
    }

    /// <summary>
    /// Declares that from here to <see cref="LeaveCall"/> the given thread of the process waits while the calling
    /// thread serves it.
    /// </summary>
    /// <param name="thread">Its ID.</param>
    /// <param name="id">Tells whether that ID still means the thread; null if nothing can tell.</param>
    /// <param name="epoch">Its epoch when the call was received.</param>
    public void EnterCall(int thread, StableId? id = null, long epoch = 0) =>
        (s_call ??= new CallWindow()).Open(this, thread, id, epoch);

    /// <summary>Ends what <see cref="EnterCall"/> began.</summary>
    public static void LeaveCall() => s_call!.Close();

    /// <inheritdoc/>
    public override bool TryRead(Hva source, Span<byte> destination)
    {
        if (destination.IsEmpty) return true;
        if (s_call is { } call && call.IsOpenOn(this)) return call.TryRead(source.Value, destination);
        return Covers(source.Value, (ulong)destination.Length, ProcmapQuery.Readable)
            && TryReadPinned(source.Value, destination);
    }

    /// <inheritdoc/>
    public override bool TryWrite(Hva destination, ReadOnlySpan<byte> source)
    {
        if (source.IsEmpty) return true;
        if (s_call is { } call && call.IsOpenOn(this)) return call.TryWrite(destination.Value, source);
        return Covers(destination.Value, (ulong)source.Length, ProcmapQuery.Writable)
            && TryWritePinned(destination.Value, source);
    }

    /// <inheritdoc/>
    internal override MemoryBacking Reference(Hva start, ulong length, bool writable) =>
        new ProcessBacking(this, start, length, writable, devices: false);

    /// <inheritdoc/>
    internal override MemoryBacking ReferenceDevices(Hva start, ulong length, bool writable) =>
        new ProcessBacking(this, start, length, writable, devices: true);

    /// <inheritdoc/>
    public override bool TryLocate(Hva address, out MemoryLocation location)
    {
        location = default;
        foreach (ProcmapQuery mapping in Mappings(address.Value, 1))
        {
            location = LocationOf(mapping, address.Value);
            return (mapping.Flags & ProcmapQuery.Readable) != 0;
        }

        return false;
    }

    /// <inheritdoc/>
    internal override bool TryFindMapping(Hva address, out ProcessMapping mapping)
    {
        mapping = default;
        if (_gone || address.Value > long.MaxValue) return false;
        try
        {
            foreach (ProcmapQuery found in _maps.Within(address.Value, long.MaxValue - address.Value))
            {
                mapping = new ProcessMapping(found.Start, found.End, IsOfFile(found));
                return true;
            }
        }
        catch (ObjectDisposedException)
        {
            // The process has just ended.
        }

        return false;
    }

    /// <summary>Closes the files, since the process is gone. Every access fails from here on.</summary>
    public void Dispose()
    {
        _gone = true;
        _waits.Cancel();
        _directory.Dispose();
        _memory.Dispose();
        _maps.Dispose();
        _pages?.Dispose();
    }

    /// <summary>The addresses in a range that lead to a location.</summary>
    internal IEnumerable<ulong> AddressesOf(MemoryLocation location, ulong start, ulong length)
    {
        ulong last = start + (length - 1);
        foreach (ProcmapQuery mapping in Mappings(start, length))
        {
            MemoryLocation first = LocationOf(mapping, mapping.Start);
            if (!first.Memory.Equals(location.Memory)) continue;
            ulong distance = unchecked(location.Offset - first.Offset), address = unchecked(mapping.Start + distance);
            if (distance < mapping.End - mapping.Start && address >= start && address <= last) yield return address;
        }
    }

    /// <summary>
    /// Whether all of the bytes can be referenced for DMA, as far as a check without waiting can tell (Linux:
    /// check_vma_flags).
    /// </summary>
    /// <param name="start">The first byte's address.</param>
    /// <param name="length">Bytes, not 0.</param>
    /// <param name="writable">Whether devices may write them. They need not be readable then.</param>
    /// <param name="devices">Whether devices' own memory is acceptable.</param>
    /// <param name="first">The mapping of the first byte.</param>
    internal bool CanReference(ulong start, ulong length, bool writable, bool devices, out ProcmapQuery first)
    {
        first = default;
        if (_gone || length == 0 || start + (length - 1) < start) return false;
        ulong needed = writable ? ProcmapQuery.Writable : ProcmapQuery.Readable, last = start + (length - 1);
        try
        {
            return _maps.Covers(start, last, needed, devices ? null : _isFit, out first);
        }
        catch (ObjectDisposedException)
        {
            return false; // the process has just ended
        }
    }

    /// <summary>
    /// The mapping of an address, if everything from there up to <paramref name="last"/> has the needed permissions.
    /// </summary>
    internal bool TryFindMapping(ulong address, ulong last, ulong needed, out ProcmapQuery mapping)
    {
        mapping = default;
        if (_gone) return false;
        try
        {
            if (_maps.Covers(address, last, needed, null, out mapping)) return true;
        }
        catch (ObjectDisposedException)
        {
            // The process has just ended.
        }

        mapping = default;
        return false;
    }

    /// <summary>
    /// Reads bytes whose permissions were checked when they were mapped for DMA. As with pinned pages, later changes of
    /// permissions do not matter.
    /// </summary>
    /// <param name="address">Address of the first byte.</param>
    /// <param name="destination">Receives the bytes.</param>
    /// <param name="waits">Whether to wait for missing pages; otherwise a missing page makes the result false.</param>
    internal bool TryReadPinned(ulong address, Span<byte> destination, bool waits = false)
    {
        for (int tries = 0; !_gone; tries++)
        {
            try
            {
                if (SysFiles.ReadAt(_memory, destination, address).Value == destination.Length) return true;
            }
            catch (ObjectDisposedException)
            {
                return false; // the process has just ended
            }

            if (!waits || tries == MostTries || !TryBringNow(address, (ulong)destination.Length, write: false))
                return false;
        }

        return false;
    }

    /// <summary>Writes bytes in the same way.</summary>
    internal bool TryWritePinned(ulong address, ReadOnlySpan<byte> source, bool waits = false)
    {
        for (int tries = 0; !_gone; tries++)
        {
            try
            {
                if (SysFiles.WriteAt(_memory, source, address).Value == source.Length) return true;
            }
            catch (ObjectDisposedException)
            {
                return false; // the process has just ended
            }

            if (!waits || tries == MostTries || !TryBringNow(address, (ulong)source.Length, write: true)) return false;
        }

        return false;
    }

    /// <summary>Reads as many bytes as there are, whatever the permissions. Does not wait for pages.</summary>
    internal int ReadSome(ulong address, Span<byte> destination)
    {
        try
        {
            return _gone ? 0 : (int)Math.Max(0, SysFiles.ReadAt(_memory, destination, address).Value);
        }
        catch (ObjectDisposedException)
        {
            return 0; // the process has just ended
        }
    }

    /// <summary>The text of /proc/PID/maps; empty if the process is gone.</summary>
    internal string ReadMaps()
    {
        try
        {
            return _gone ? "" : _maps.ReadAll();
        }
        catch (ObjectDisposedException)
        {
            return ""; // the process has just ended
        }
    }

    private bool IsFit(ProcmapQuery mapping) =>
        mapping.Inode == 0 || !_isForbidden!(StatMode.MakeDev(mapping.DeviceMajor, mapping.DeviceMinor), mapping.Inode);

    // Shared memory is located in its file, whichever process it is seen through. Everything else is private to the
    // process.
    private MemoryLocation LocationOf(in ProcmapQuery mapping, ulong address) =>
        IsOfFile(mapping)
            ? new MemoryLocation(
                new FileIdentity(StatMode.MakeDev(mapping.DeviceMajor, mapping.DeviceMinor), mapping.Inode),
                mapping.Offset + (address - mapping.Start))
            : new MemoryLocation(this, address);

    private List<ProcmapQuery> Mappings(ulong start, ulong length)
    {
        if (_gone) return [];
        try
        {
            return [.. _maps.Within(start, length)];
        }
        catch (ObjectDisposedException)
        {
            return []; // the process has just ended
        }
    }

    private bool Covers(ulong start, ulong length, ulong needed) =>
        start + (length - 1) >= start && TryFindMapping(start, start + (length - 1), needed, out _);
}
