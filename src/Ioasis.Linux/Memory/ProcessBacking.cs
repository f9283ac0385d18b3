using Ioasis.Memory;

namespace Ioasis.Linux.Memory;

/// <summary>
/// Bytes of another process's memory. Populating traces shared memory to its file and holds that; it then stays, as
/// pinned pages do, whatever happens to the process. Private memory cannot be held from outside: it is checked, and it
/// is lost with the process.
/// </summary>
internal sealed class ProcessBacking(
    ProcessMemory memory, Hva start, ulong length, bool writable, bool devices, MemoryBacking? traced = null)
    : MemoryBacking(length, writable, start.Value)
{
    private MemoryBacking? _traced = traced;

    // Whether some pages are private pages of files. If the host reclaims them, the file system must read them again.
    private volatile bool _ofFiles;

    // The range that was faulted in last, for the populating that follows.
    private Range? _brought;

    /// <summary>
    /// All memory of a process. What is mapped of it is anonymous, and was faulted in by who mapped it.
    /// </summary>
    internal static ProcessBacking OfAll(ProcessMemory memory, bool writable) =>
        new(memory, default, ulong.MaxValue, writable, devices: false) { IsSpace = true };

    public override nint DirectAddress => Volatile.Read(ref _traced)?.DirectAddress ?? 0;

    public override bool TryBring(ulong offset, ulong length)
    {
        if (Volatile.Read(ref _traced) is { } known) return known.TryBring(offset, length);
        if (!memory.CanReference(start.Value + offset, length, Writable, devices, out ProcmapQuery first)) return false;
        if (TryTrace(offset, length, first))
        {
            if (!_traced!.TryBring(offset, length)) return false;
        }
        else
        {
            // A device's own memory is always present.
            bool isDevice = devices && !memory.CanReference(start.Value + offset, length, Writable,
                devices: false, out _);
            bool ofFiles = false;
            if (!isDevice && !memory.TryBringAll(start.Value + offset, length, first, Writable, out ofFiles))
                return false;
            _ofFiles |= ofFiles;
        }

        Volatile.Write(ref _brought, new Range(offset, length));
        return true;
    }

    public override bool TryPopulate(ulong offset, ulong length)
    {
        if (Volatile.Read(ref _brought) is not null && Interlocked.Exchange(ref _brought, null) is { } brought
            && brought.Offset == offset && brought.Length == length) return true;
        if (Volatile.Read(ref _traced) is { } known) return known.TryPopulate(offset, length);
        if (!memory.CanReference(start.Value + offset, length, Writable, devices, out ProcmapQuery first)) return false;
        TryTrace(offset, length, first);
        return true;
    }

    public override bool TryRead(ulong offset, Span<byte> destination) => Volatile.Read(ref _traced) is { } traced
        ? traced.TryRead(offset, destination)
        : Has(offset, destination.Length) && IsThere(offset, destination.Length)
        && memory.TryReadPinned(start.Value + offset, destination);

    public override bool TryWrite(ulong offset, ReadOnlySpan<byte> source) => Volatile.Read(ref _traced) is { } traced
        ? traced.TryWrite(offset, source)
        : Writable && Has(offset, source.Length) && IsThere(offset, source.Length)
        && memory.TryWritePinned(start.Value + offset, source);

    public override bool TryBring(ulong offset, ulong length, bool write, CancellationToken stop) =>
        Volatile.Read(ref _traced) is null && memory.TryBring(start + offset, length, write, stop);

    public override bool TryReadNow(ulong offset, Span<byte> destination) =>
        Has(offset, destination.Length) && memory.TryRead(start + offset, destination);

    public override bool TryWriteNow(ulong offset, ReadOnlySpan<byte> source) =>
        Writable && Has(offset, source.Length) && memory.TryWrite(start + offset, source);

    public override bool TryLocate(ulong offset, out MemoryLocation location)
    {
        location = default;
        if (Volatile.Read(ref _traced) is { } traced) return traced.TryLocate(offset, out location);
        return offset < Length && memory.TryLocate(start + offset, out location);
    }

    public override IEnumerable<ulong> OffsetsOf(MemoryLocation location) => Volatile.Read(ref _traced) is { } traced
        ? traced.OffsetsOf(location)
        : memory.AddressesOf(location, start.Value, Length).Select(address => address - start.Value);

    protected override void Free() => _traced?.Release();

    // A missing page fails the check, because an access must not wait for a file system: whoever removes the mapping
    // would have to wait too.
    private bool IsThere(ulong offset, int count) => !_ofFiles || memory.ArePresent(start.Value + offset, count);

    /// <summary>Traces all of the run to its files, if shared mappings contain it.</summary>
    private bool TryTrace(ulong offset, ulong length, in ProcmapQuery mapping)
    {
        if ((mapping.Flags & ProcmapQuery.Shared) == 0 || mapping.Inode == 0 || mapping.Start > start.Value)
            return false;
        // Never trace device memory: an open file of a device would keep the device from being closed.
        if (devices && !memory.CanReference(start.Value, Length, Writable, devices: false, out _)) return false;
        if (memory.TryTrace(mapping, start.Value, Length, Writable) is not { } traced) return false;
        if (!traced.TryPopulate(offset, length) || Interlocked.CompareExchange(ref _traced, traced, null) is not null)
            traced.Release();
        return Volatile.Read(ref _traced) is not null;
    }

    private sealed record Range(ulong Offset, ulong Length);
}
