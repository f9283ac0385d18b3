using Ioasis.Memory;

namespace Ioasis.Linux.Memory;

/// <summary>
/// Bytes of several files in memory that a process has mapped one after the other. As with <see cref="FileBacking"/>,
/// pages that a file loses are replaced by pages of zeros.
/// </summary>
internal sealed class JoinedBacking : MemoryBacking
{
    private readonly JoinedFiles _bytes;
    private readonly FilePart[] _parts;
    private readonly ulong[] _starts; // offset of each part's first byte in the run
    private readonly FileShare _share;
    private readonly bool _hasLimit;

    private JoinedBacking(
        ulong start, ulong length, bool writable, FilePart[] parts, JoinedFiles bytes, FileShare share)
        : base(length, writable, start)
    {
        (_parts, _bytes, _share) = (parts, bytes, share);
        _hasLimit = parts.Any(part => part.File.HasLimit);
        _starts = new ulong[parts.Length];
        for (int i = 1; i < parts.Length; i++) _starts[i] = _starts[i - 1] + parts[i - 1].Length;
    }

    /// <summary>
    /// Maps parts of files; null if that is impossible or the process has used up its share. Takes over the holds of
    /// the files, also if it fails.
    /// </summary>
    /// <param name="start">Address of the first byte in the process.</param>
    /// <param name="length">Bytes of all parts.</param>
    /// <param name="writable">Whether devices may write them.</param>
    /// <param name="parts">The parts, in order.</param>
    /// <param name="share">The share that the mappings count against.</param>
    internal static JoinedBacking? TryMake(
        ulong start, ulong length, bool writable, FilePart[] parts, FileShare share)
    {
        if (FileShare.TryTakeViews(share, parts.Length))
        {
            if (JoinedFiles.TryMap(start, parts) is { } bytes)
                return new JoinedBacking(start, length, writable, parts, bytes, share);
            FileShare.GiveViews(share, parts.Length);
        }

        foreach (FilePart part in parts) part.File.Release();
        return null;
    }

    public override nint DirectAddress => _bytes.Address;

    public override bool TryBring(ulong offset, ulong length)
    {
        if (!TryPopulate(offset, length)) return false;
        return !_hasLimit || SysMemory.TryBring(_bytes.Address + (nint)offset, length, Writable);
    }

    public override bool TryPopulate(ulong offset, ulong length)
    {
        ulong last = offset + (length - 1);
        for (int i = IndexOf(offset); i < _parts.Length && _starts[i] <= last; i++)
        {
            FilePart part = _parts[i];
            ulong end = part.Offset + Math.Min(last - _starts[i] + 1, part.Length);
            if (!part.File.Has(part.Offset, end - 1, out _)) return false;
        }

        return true;
    }

    public override bool TryRead(ulong offset, Span<byte> destination)
    {
        if (!Has(offset, destination.Length)) return false;
        _bytes.CopyTo(offset, destination);
        return true;
    }

    public override bool TryWrite(ulong offset, ReadOnlySpan<byte> source)
    {
        if (!Writable || !Has(offset, source.Length)) return false;
        _bytes.CopyFrom(offset, source);
        return true;
    }

    public override bool TryLocate(ulong offset, out MemoryLocation location)
    {
        location = default;
        if (offset >= Length) return false;
        int i = IndexOf(offset);
        location = new MemoryLocation(_parts[i].File.Identity, _parts[i].Offset + (offset - _starts[i]));
        return true;
    }

    public override IEnumerable<ulong> OffsetsOf(MemoryLocation location)
    {
        for (int i = 0; i < _parts.Length; i++)
        {
            FilePart part = _parts[i];
            if (part.File.Identity.Equals(location.Memory) && location.Offset >= part.Offset
                && location.Offset - part.Offset < part.Length)
                yield return _starts[i] + (location.Offset - part.Offset);
        }
    }

    protected override void Free()
    {
        _bytes.Dispose();
        FileShare.GiveViews(_share, _parts.Length);
        foreach (FilePart part in _parts) part.File.Release();
    }

    private int IndexOf(ulong offset)
    {
        int i = Array.BinarySearch(_starts, offset);
        return i >= 0 ? i : ~i - 1;
    }
}
