using System.Diagnostics;
using Ioasis.Abi;
using Ioasis.Linux.Files;
using Ioasis.Memory;

namespace Ioasis.Linux.Memory;

/// <summary>
/// Bytes of a memfd, or of a file on tmpfs or hugetlbfs. Populating maps them. Linux checks then that all the pages lie within the
/// file (memfd_pin_folios), and so do we.
/// </summary>
internal sealed class FileBacking : MemoryBacking
{
    private const ulong PageSize = 4096;

    private static readonly Lazy<ulong> s_memfdDevice = new(FindMemfdDevice);

    private readonly FileDescriptor _file;
    private readonly ulong _start;
    private Mapping? _mapping;
    private FileIdentity? _identity;

    /// <summary>Names bytes of a file, which stays open for as long as the backing lives.</summary>
    public FileBacking(FileDescriptor file, ulong start, ulong length, bool writable) : base(length, writable, start)
    {
        bool held = false;
        file.DangerousAddRef(ref held);
        _file = file;
        _start = start;
    }

    public override bool IsFile => true;

    public override nint DirectAddress => Volatile.Read(ref _mapping) is { CannotVanish: true } mapping ? mapping.First : 0;

    public override bool TryPopulate(ulong offset, ulong length)
    {
        if (SysFiles.Stat(_file, out LinuxStat stat) != Errno.None || stat.Size < 0) return false;
        ulong first = _start + offset, last = unchecked(first + (length - 1));
        if (first < _start || last < first || (last | (PageSize - 1)) >= (ulong)stat.Size) return false;
        if (Volatile.Read(ref _mapping) is not { } known)
        {
            if (!TryMap(stat, out Mapping? mapping)) return false;
            known = Interlocked.CompareExchange(ref _mapping, mapping, null) ?? mapping!;
            if (known != mapping) mapping!.File.Dispose();
        }

        return offset + length <= known.Length;
    }

    public override bool TryLocate(ulong offset, out MemoryLocation location)
    {
        location = default;
        if (offset >= Length || Identity is not { } identity) return false;
        location = new MemoryLocation(identity, unchecked(_start + offset));
        return true;
    }

    public override IEnumerable<ulong> OffsetsOf(MemoryLocation location) =>
        Identity is { } identity ? OffsetsWithin(identity, _start, location) : [];

    public override bool TryRead(ulong offset, Span<byte> destination)
    {
        if (Volatile.Read(ref _mapping) is not { } mapping || !mapping.Has(offset, destination.Length)) return false;
        nint at = mapping.First + (nint)offset;
        // Not by a load: where the file was truncated under us the call fails and a load would end the process.
        if (!mapping.CannotVanish) return SysMemory.ReadProcess(Environment.ProcessId, (ulong)at, destination) == destination.Length;
        HostMemory.Read(at, destination);
        return true;
    }

    public override bool TryWrite(ulong offset, ReadOnlySpan<byte> source)
    {
        if (!Writable || Volatile.Read(ref _mapping) is not { } mapping || !mapping.Has(offset, source.Length)) return false;
        nint at = mapping.First + (nint)offset;
        if (!mapping.CannotVanish) return SysMemory.WriteProcess(Environment.ProcessId, (ulong)at, source) == source.Length;
        HostMemory.Write(at, source);
        return true;
    }

    protected override void Free()
    {
        _mapping?.File.Dispose();
        _file.DangerousRelease();
    }

    private FileIdentity? Identity =>
        _identity ??= SysFiles.Stat(_file, out LinuxStat stat) == Errno.None ? new FileIdentity(stat.Dev, stat.Ino) : null;

    /// <summary>Maps all of the run that lies within the file now.</summary>
    private bool TryMap(in LinuxStat stat, out Mapping? mapping)
    {
        mapping = null;
        ulong last = unchecked(_start + (Length - 1));
        last = last < _start ? (ulong)stat.Size - 1 : Math.Min(last, (ulong)stat.Size - 1);

        // A file of huge pages is mapped by whole ones.
        ulong alignment = ulong.IsPow2((ulong)stat.BlockSize) ? Math.Max(PageSize, (ulong)stat.BlockSize) : PageSize;
        ulong from = _start & ~(alignment - 1), length = (last | (alignment - 1)) - from + 1;
        Errno errno = MappedFile.TryMap(_file, from, length, Writable, out MappedFile? file);
        if (errno == Errno.EACCES && Writable)
        {
            // Opened for reading only: Linux asks whether the file may be written no more than we do, but has no need to map it.
            errno = SysFiles.Open($"/proc/self/fd/{_file.Number}", FcntlH.O_RDWR, out FileDescriptor writable);
            if (errno != Errno.None) return false;
            using (writable) errno = MappedFile.TryMap(writable, from, length, writable: true, out file);
        }

        if (errno != Errno.None) return false;
        Debug.Assert(file is not null, "TryMap succeeded");
        SysResult seals = SysFiles.Fcntl(_file, FcntlH.F_GET_SEALS);
        // Only memfds have no size limit that could keep a page of theirs from being made when it is touched.
        bool cannotVanish = seals.IsOk && (seals.Value & FcntlH.F_SEAL_SHRINK) != 0 && stat.Dev == s_memfdDevice.Value;
        mapping = new Mapping(file, file.Address + (nint)(_start - from), last - _start + 1, cannotVanish);
        return true;
    }

    private static ulong FindMemfdDevice()
    {
        if (SysFiles.CreateMemfd("ioasis", FcntlH.MFD_CLOEXEC, out FileDescriptor file) != Errno.None) return ulong.MaxValue;
        using (file) return SysFiles.Stat(file, out LinuxStat stat) == Errno.None ? stat.Dev : ulong.MaxValue;
    }

    /// <summary>The first bytes of the run, as many as the file had when they were mapped.</summary>
    private sealed record Mapping(MappedFile File, nint First, ulong Length, bool CannotVanish)
    {
        public bool Has(ulong offset, int count) => offset <= Length && (ulong)count <= Length - offset;
    }
}
