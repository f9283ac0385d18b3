using Ioasis.Abi;
using Ioasis.Linux.Files;
using Ioasis.Memory;

namespace Ioasis.Linux.Memory;

/// <summary>
/// Bytes of a memfd, or of a file on tmpfs or hugetlbfs. Populating maps them. If the file loses a page afterwards, a
/// device has a page of zeros in its place, which belongs to no file.
/// </summary>
internal sealed class FileBacking : MemoryBacking
{
    // The most views that are kept because accesses may use them, beside the newest one.
    private const int MostFormers = 8;

    private readonly HeldFile _file;
    private readonly ulong _start;
    private Mapping? _mapping;
    private volatile MemoryLack _lack;

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

    /// <summary>Names bytes that are populated already.</summary>
    /// <param name="file">The file. The backing takes over the caller's hold.</param>
    /// <param name="start">Offset of the first byte.</param>
    /// <param name="length">Bytes, not 0.</param>
    /// <param name="writable">Whether a mapping may be writable.</param>
    /// <param name="view">A view in which loads and stores are safe. The backing takes over the caller's use.</param>
    public FileBacking(HeldFile file, ulong start, ulong length, bool writable, FileView view)
        : this(file, start, length, writable) =>
        _mapping = new Mapping(view.AddressOf(start), length, view, isDirect: true, former: null);

    /// <summary>
    /// Names bytes of a file and keeps the file open as long as the backing lives. Null if stat(2) fails on it.
    /// </summary>
    public static FileBacking? Of(FileDescriptor file, ulong start, ulong length, bool writable) =>
        HeldFile.TryHold(file, writable, null, out HeldFile? held) == Errno.None
            ? new FileBacking(held!, start, length, writable)
            : null;

    public override bool IsFile => true;

    public override nint DirectAddress => Volatile.Read(ref _mapping) is { IsDirect: true } mapping ? mapping.First : 0;

    public override MemoryLack Lack => _lack;

    public override bool TryBring(ulong offset, ulong length)
    {
        _lack = MemoryLack.None;
        if (!_file.HasLimit) return true;
        if (!TryPopulate(offset, length)) return false;
        if (SysMemory.TryBring(_mapping!.First + (nint)offset, length, Writable)) return true;
        _lack = _file.IsHuge ? MemoryLack.HugePages : MemoryLack.Space;
        return false;
    }

    public override bool TryPopulate(ulong offset, ulong length)
    {
        ulong first = unchecked(_start + offset), last = unchecked(first + (length - 1));
        if (first < _start || !_file.Has(first, last, out LinuxStat stat)) return false;
        while (true)
        {
            Mapping? known = Volatile.Read(ref _mapping);
            bool mayRenew = known is null || known.Formers < MostFormers;
            if (known is not null && offset + length <= known.Length && (known.View.IsIntact || !mayRenew)) return true;
            if (!mayRenew || !TryRenew(known, stat)) return false;
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
        // Without a guard a system call rather than a load: if the file was truncated, the call fails but a load would
        // kill the process.
        if (!mapping.IsDirect)
            return SysMemory.ReadProcess(Environment.ProcessId, (ulong)at, destination) == destination.Length;
        HostMemory.Read(at, destination);
        return true;
    }

    public override bool TryWrite(ulong offset, ReadOnlySpan<byte> source)
    {
        if (!Writable || Volatile.Read(ref _mapping) is not { } mapping || !mapping.Has(offset, source.Length))
            return false;
        nint at = mapping.First + (nint)offset;
        if (!mapping.IsDirect)
            return SysMemory.WriteProcess(Environment.ProcessId, (ulong)at, source) == source.Length;
        HostMemory.Write(at, source);
        return true;
    }

    protected override void Free()
    {
        for (Mapping? mapping = _mapping; mapping is not null; mapping = mapping.Former) _file.Leave(mapping.View);
        _file.Release();
    }

    /// <summary>
    /// Maps the part of the run that lies within the file now; false if that is impossible. Another thread may be
    /// faster.
    /// </summary>
    private bool TryRenew(Mapping? known, in LinuxStat stat)
    {
        ulong last = unchecked(_start + (Length - 1));
        last = last < _start ? (ulong)stat.Size - 1 : Math.Min(last, (ulong)stat.Size - 1);
        if (_file.TryView(_start, last, stat, out FileView? view) != Errno.None) return false;
        bool isSame = known?.View == view;
        var mapping = new Mapping(
            view!.AddressOf(_start), last - _start + 1, view, view.IsGuarded || _file.CannotVanish(),
            isSame ? known!.Former : known);
        // The backing uses each view once.
        if (Interlocked.CompareExchange(ref _mapping, mapping, known) != known || isSame) _file.Leave(view);
        return true;
    }

    /// <summary>A mapping of the first bytes of the run, as many as the file had at that time.</summary>
    private sealed class Mapping(nint first, ulong length, FileView view, bool isDirect, Mapping? former)
    {
        /// <summary>Address of the first byte.</summary>
        public nint First => first;

        public ulong Length => length;

        /// <summary>The view that has the bytes.</summary>
        public FileView View => view;

        /// <summary>Whether loads and stores are safe.</summary>
        public bool IsDirect => isDirect;

        /// <summary>The mapping before, which accesses may use.</summary>
        public Mapping? Former => former;

        public int Formers { get; } = former is null ? 0 : former.Formers + 1;

        public bool Has(ulong offset, int count) => offset <= length && (ulong)count <= length - offset;
    }
}
