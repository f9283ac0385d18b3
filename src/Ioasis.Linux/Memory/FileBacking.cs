using Ioasis.Abi;
using Ioasis.Linux.Files;
using Ioasis.Memory;

namespace Ioasis.Linux.Memory;

/// <summary>
/// Bytes of a memfd, or of a file on tmpfs or hugetlbfs. Populating maps them. Like Linux (memfd_pin_folios), it
/// requires that all the pages lie within the file.
/// </summary>
internal sealed class FileBacking : MemoryBacking
{
    private const ulong PageSize = 4096;

    private readonly HeldFile _file;
    private readonly ulong _start;
    private Mapping? _mapping;

    /// <summary>Names bytes of a file.</summary>
    /// <param name="file">The file. The backing takes over the caller's hold.</param>
    /// <param name="start">Offset of the first byte.</param>
    /// <param name="length">Bytes, not 0.</param>
    /// <param name="writable">Whether a mapping may be writable.</param>
    public FileBacking(HeldFile file, ulong start, ulong length, bool writable) : base(length, writable, start)
    {
        _file = file;
        _start = start;
    }

    /// <summary>
    /// Names bytes of a file and keeps the file open as long as the backing lives. Null if stat(2) fails on it.
    /// </summary>
    public static FileBacking? Of(FileDescriptor file, ulong start, ulong length, bool writable) =>
        HeldFile.TryHold(file, writable, null, out HeldFile? held) == Errno.None
            ? new FileBacking(held!, start, length, writable)
            : null;

    public override bool IsFile => true;

    public override nint DirectAddress =>
        Volatile.Read(ref _mapping) is { CannotVanish: true } mapping ? mapping.First : 0;

    public override bool TryPopulate(ulong offset, ulong length)
    {
        if (!_file.TryStat(out LinuxStat stat)) return false;
        ulong first = _start + offset, last = unchecked(first + (length - 1));
        if (first < _start || last < first || (last | (PageSize - 1)) >= (ulong)stat.Size) return false;
        while (true)
        {
            Mapping? known = Volatile.Read(ref _mapping);
            if (known is not null && offset + length <= known.Length) return true;
            // The file grew, but an own mapping may be in use and cannot be replaced.
            if (known is { Own: not null } || !TryMap(stat, out Mapping? mapping)) return false;
            if (Interlocked.CompareExchange(ref _mapping, mapping, known) != known) mapping!.Own?.Dispose();
        }
    }

    public override bool TryLocate(ulong offset, out MemoryLocation location)
    {
        location = default;
        if (offset >= Length) return false;
        location = new MemoryLocation(_file.Identity, unchecked(_start + offset));
        return true;
    }

    public override IEnumerable<ulong> OffsetsOf(MemoryLocation location) =>
        OffsetsWithin(_file.Identity, _start, location);

    public override bool TryRead(ulong offset, Span<byte> destination)
    {
        if (Volatile.Read(ref _mapping) is not { } mapping || !mapping.Has(offset, destination.Length)) return false;
        nint at = mapping.First + (nint)offset;
        // A system call rather than a load: if the file was truncated under us, the call fails but a load would kill
        // the process.
        if (!mapping.CannotVanish)
            return SysMemory.ReadProcess(Environment.ProcessId, (ulong)at, destination) == destination.Length;
        HostMemory.Read(at, destination);
        return true;
    }

    public override bool TryWrite(ulong offset, ReadOnlySpan<byte> source)
    {
        if (!Writable || Volatile.Read(ref _mapping) is not { } mapping || !mapping.Has(offset, source.Length))
            return false;
        nint at = mapping.First + (nint)offset;
        if (!mapping.CannotVanish)
            return SysMemory.WriteProcess(Environment.ProcessId, (ulong)at, source) == source.Length;
        HostMemory.Write(at, source);
        return true;
    }

    protected override void Free()
    {
        _mapping?.Own?.Dispose();
        _file.Release();
    }

    /// <summary>Maps the part of the run that lies within the file now.</summary>
    private bool TryMap(in LinuxStat stat, out Mapping? mapping)
    {
        mapping = null;
        ulong last = unchecked(_start + (Length - 1));
        last = last < _start ? (ulong)stat.Size - 1 : Math.Min(last, (ulong)stat.Size - 1);
        if (_file.TryMap(_start, last, stat, out nint address, out MappedFile? own) != Errno.None) return false;
        mapping = new Mapping(address, last - _start + 1, _file.CannotVanish(stat), own);
        return true;
    }

    /// <summary>A mapping of the first bytes of the run, as many as the file had at that time.</summary>
    private sealed record Mapping(nint First, ulong Length, bool CannotVanish, MappedFile? Own)
    {
        public bool Has(ulong offset, int count) => offset <= Length && (ulong)count <= Length - offset;
    }
}
