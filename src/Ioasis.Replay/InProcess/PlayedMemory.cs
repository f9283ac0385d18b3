using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Memory;

namespace Ioasis.Replay.InProcess;

/// <summary>
/// The memory of the program that a sequence stands for: its places, at their addresses, and nothing else.
/// </summary>
internal sealed class PlayedMemory : AddressSpace
{
    private readonly List<(Place Place, byte[] Bytes)> _places = [.. Place.All.Select(p => (p, new byte[p.Length]))];

    /// <summary>What the program itself has in a place, which it may write where ioctls may not.</summary>
    internal Span<byte> this[Place place] => _places.Find(p => p.Place == place).Bytes;

    public override bool TryRead(Hva source, Span<byte> destination)
    {
        Span<byte> bytes = Find(source.Value, destination.Length, write: false);
        if (bytes.Length < destination.Length) return false;
        bytes.CopyTo(destination);
        return true;
    }

    /// <summary>Writes what can be written, as Linux does (copy_to_user).</summary>
    public override bool TryWrite(Hva destination, ReadOnlySpan<byte> source)
    {
        Span<byte> bytes = Find(destination.Value, source.Length, write: true);
        source[..bytes.Length].CopyTo(bytes);
        return bytes.Length == source.Length;
    }

    internal override MemoryBacking Reference(Hva start, ulong length, bool writable) =>
        new PlaceBacking(start.Value, length, writable);

    /// <summary>As many of the bytes as are there, from the first on.</summary>
    private Span<byte> Find(ulong start, int length, bool write)
    {
        foreach ((Place place, byte[] bytes) in _places)
        {
            if (!place.Contains(start, 1) || (write && !place.Writable)) continue;
            int offset = (int)(start - place.Start);
            return bytes.AsSpan(offset, Math.Min(length, bytes.Length - offset));
        }

        return [];
    }

    /// <summary>Memory named for DMA, of which there is none here: what counts is whether it can be had.</summary>
    private sealed class PlaceBacking(ulong start, ulong length, bool writable) : MemoryBacking(length, writable, start)
    {
        public override bool TryPopulate(ulong offset, ulong length) =>
            Place.All.Any(p => p.Contains(AlignmentHint + offset, length) && (p.Writable || !Writable));

        public override bool TryRead(ulong offset, Span<byte> destination) => false;

        public override bool TryWrite(ulong offset, ReadOnlySpan<byte> source) => false;
    }
}

/// <summary>The program's memfd: as long as its buffer.</summary>
internal sealed class PlayedFile : IMemoryFile
{
    public Errno Reference(ulong start, ulong length, bool writable, out MemoryBacking? backing)
    {
        backing = new FileBacking(start, length, writable);
        return Errno.None;
    }

    private sealed class FileBacking(ulong start, ulong length, bool writable) : MemoryBacking(length, writable, start)
    {
        public override bool IsFile => true;

        public override bool TryPopulate(ulong offset, ulong length) =>
            AlignmentHint + offset <= Place.Buffer.Length && length <= Place.Buffer.Length - (AlignmentHint + offset);

        public override bool TryRead(ulong offset, Span<byte> destination) => false;

        public override bool TryWrite(ulong offset, ReadOnlySpan<byte> source) => false;
    }
}

/// <summary>What is pinned for the program, which may lock any memory.</summary>
internal sealed class PlayedPins : ProcessPins
{
    public override ulong LockLimit => ulong.MaxValue;
}
