using Ioasis.Abi;
using Ioasis.Linux.Files;
using Ioasis.Memory;

namespace Ioasis.Linux.Memory;

/// <summary>
/// The memory of another process. While one of its threads waits in a call that we serve, it is accessed through that thread; otherwise
/// through files in /proc that stay bound to the address space, so that neither a recycled PID nor the program after an exec is ever
/// reached.
/// </summary>
internal sealed class ProcessMemory : AddressSpace, IDisposable
{
    [ThreadStatic]
    private static CallWindow? t_call;

    private readonly FileDescriptor _directory;
    private readonly FileDescriptor _memory;
    private readonly ProcessMaps _maps;
    private readonly Func<ulong, ulong, bool>? _isForbidden;
    private volatile PageMap? _pages; // opened when it is first asked for
    private volatile bool _gone;

    private ProcessMemory(FileDescriptor directory, FileDescriptor memory, ProcessMaps maps, Func<ulong, ulong, bool>? isForbidden)
    {
        _directory = directory;
        _memory = memory;
        _maps = maps;
        _isForbidden = isForbidden;
    }

    /// <summary>Whether nobody uses the memory any more: its processes ended, or run other programs.</summary>
    public bool IsGone
    {
        get
        {
            if (_gone) return true;
            try
            {
                // Address 0 is not mapped, or can be read; that there is nothing to read is said only when there is no memory.
                SysResult got = SysFiles.ReadAt(_memory, stackalloc byte[1], 0);
                return got.IsOk && got.Value == 0;
            }
            catch (ObjectDisposedException)
            {
                return true; // the process ended just now
            }
        }
    }

    /// <summary>Opens the memory of a process.</summary>
    /// <param name="process">The directory /proc/PID, or one in it.</param>
    /// <param name="prefix">The way from there to /proc/PID: empty, or <c>../</c>.</param>
    /// <param name="isForbidden">Files, by device and inode, whose mappings cannot be referenced for DMA.</param>
    /// <param name="memory">The memory, when the answer is <see cref="Errno.None"/>.</param>
    public static Errno TryOpen(FileDescriptor process, string prefix, Func<ulong, ulong, bool>? isForbidden, out ProcessMemory? memory)
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
                memory = new ProcessMemory(directory, mem, new ProcessMaps(maps), isForbidden);
                return Errno.None;
            }

            maps.Dispose();
        }

        mem.Dispose();
        return errno;
    }

    /// <summary>From here to <see cref="LeaveCall"/> the given thread of the process waits for the calling thread to serve it.</summary>
    public void EnterCall(int thread) => (t_call ??= new CallWindow()).Open(this, thread);

    /// <summary>Ends what <see cref="EnterCall"/> began.</summary>
    public static void LeaveCall() => t_call!.Close();

    /// <inheritdoc/>
    public override bool TryRead(Hva source, Span<byte> destination)
    {
        if (destination.IsEmpty) return true;
        if (t_call is { } call && call.IsOpenOn(this)) return call.TryRead(source.Value, destination);
        return Covers(source.Value, (ulong)destination.Length, writable: false) && TryReadPinned(source.Value, destination);
    }

    /// <inheritdoc/>
    public override bool TryWrite(Hva destination, ReadOnlySpan<byte> source)
    {
        if (source.IsEmpty) return true;
        if (t_call is { } call && call.IsOpenOn(this)) return call.TryWrite(destination.Value, source);
        return Covers(destination.Value, (ulong)source.Length, writable: true) && TryWritePinned(destination.Value, source);
    }

    /// <inheritdoc/>
    public override MemoryBacking Reference(Hva start, ulong length, bool writable) => new ProcessBacking(this, start, length, writable, devices: false);

    /// <inheritdoc/>
    public override MemoryBacking ReferenceDevices(Hva start, ulong length, bool writable) => new ProcessBacking(this, start, length, writable, devices: true);

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
    public override bool IsPresent(Hva address)
    {
        try
        {
            if (_pages is null)
            {
                if (PageMap.TryOpen(_directory) is not { } opened) return true;
                if (Interlocked.CompareExchange(ref _pages, opened, null) is not null || _gone) opened.Dispose();
            }

            // Opened late, it may be that of a program after an exec; but then all accesses fail anyhow.
            return _gone || _pages.IsPresent(address.Value);
        }
        catch (ObjectDisposedException)
        {
            return true; // the process ended just now
        }
    }

    /// <summary>The process is gone: gives the files back. Every access fails from here on.</summary>
    public void Dispose()
    {
        _gone = true;
        _directory.Dispose();
        _memory.Dispose();
        _maps.Dispose();
        _pages?.Dispose();
    }

    /// <summary>The bytes of the file that the process shares here; null when they are not of one file, or it cannot be found.</summary>
    internal FileBacking? TryTrace(ulong start, ulong length, bool writable)
    {
        if (_gone) return null;
        try
        {
            if (!_maps.TryFindShared(start, length, out ProcmapQuery mapping) || !SharedFile.TryOpen(_directory, mapping, out FileDescriptor? file))
                return null;
            using (file) return new FileBacking(file!, mapping.Offset + (start - mapping.Start), length, writable);
        }
        catch (ObjectDisposedException)
        {
            return null; // the process ended just now
        }
    }

    /// <summary>Which addresses of a range lead to a location.</summary>
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

    /// <summary>Whether all of the bytes can be referenced for DMA.</summary>
    /// <param name="start">The first byte's address.</param>
    /// <param name="length">Bytes, not 0.</param>
    /// <param name="writable">Whether devices are to write them.</param>
    /// <param name="devices">Whether devices' own memory can, too.</param>
    internal bool CanReference(ulong start, ulong length, bool writable, bool devices) => Covers(start, length, writable, devices ? null : _isForbidden);

    /// <summary>Reads bytes whose permission was checked when they were mapped for DMA: later changes of it do not matter, as with pinned pages.</summary>
    internal bool TryReadPinned(ulong address, Span<byte> destination)
    {
        if (_gone) return false;
        try
        {
            return SysFiles.ReadAt(_memory, destination, address).Value == destination.Length;
        }
        catch (ObjectDisposedException)
        {
            return false; // the process ended just now
        }
    }

    /// <summary>Writes such bytes.</summary>
    internal bool TryWritePinned(ulong address, ReadOnlySpan<byte> source)
    {
        if (_gone) return false;
        try
        {
            return SysFiles.WriteAt(_memory, source, address).Value == source.Length;
        }
        catch (ObjectDisposedException)
        {
            return false; // the process ended just now
        }
    }

    // Memory that is shared is the file's, whichever process it is looked at through; all else is the process's alone.
    private MemoryLocation LocationOf(in ProcmapQuery mapping, ulong address) =>
        (mapping.Flags & ProcmapQuery.Shared) != 0 && mapping.Inode != 0
            ? new MemoryLocation(
                new FileIdentity(StatMode.MakeDev(mapping.DeviceMajor, mapping.DeviceMinor), mapping.Inode), mapping.Offset + (address - mapping.Start))
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
            return []; // the process ended just now
        }
    }

    private bool Covers(ulong start, ulong length, bool writable, Func<ulong, ulong, bool>? isForbidden = null)
    {
        if (_gone) return false;
        try
        {
            return _maps.Covers(start, length, writable, isForbidden);
        }
        catch (ObjectDisposedException)
        {
            return false; // the process ended just now
        }
    }
}
