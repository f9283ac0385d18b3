using System.Runtime.InteropServices;

namespace Ioasis.Devices.Blocks;

/// <summary>Blocks in our own memory. Blocks take memory once written.</summary>
/// <param name="size">Bytes.</param>
internal sealed class MemoryBlockStore(long size) : BlockStore
{
    internal const long UsualSize = 64 << 20;
    private const int ChunkShift = 18;
    private const int ChunkSize = 1 << ChunkShift;
    private readonly Chunk?[] _chunks = new Chunk?[(size + ChunkSize - 1) >> ChunkShift]; // null: zeros

    internal override long Size => size;

    internal override void Read(long offset, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            Span<byte> part = Cut(destination, offset);
            if (Volatile.Read(ref _chunks[offset >> ChunkShift]) is { } chunk)
                chunk.Slice((int)(offset & (ChunkSize - 1)), part.Length).CopyTo(part);
            else part.Clear();
            offset += part.Length;
            destination = destination[part.Length..];
        }
    }

    internal override Span<byte> Lend(long offset, int count)
    {
        int at = (int)(offset & (ChunkSize - 1));
        return at + count <= ChunkSize && Volatile.Read(ref _chunks[offset >> ChunkShift]) is { } chunk
            ? chunk.Slice(at, count)
            : [];
    }

    internal override void Write(long offset, ReadOnlySpan<byte> source)
    {
        while (!source.IsEmpty)
        {
            int count = (int)Math.Min(source.Length, ChunkSize - (offset & (ChunkSize - 1)));
            source[..count].CopyTo(ChunkAt(offset).Slice((int)(offset & (ChunkSize - 1)), count));
            offset += count;
            source = source[count..];
        }
    }

    /// <summary>
    /// Writes zeros. Keeps chunks allocated, because another thread may be writing other blocks of a chunk.
    /// </summary>
    internal override void Zero(long offset, long count)
    {
        while (count > 0)
        {
            int part = (int)Math.Min(count, ChunkSize - (offset & (ChunkSize - 1)));
            if (Volatile.Read(ref _chunks[offset >> ChunkShift]) is { } chunk)
                chunk.Slice((int)(offset & (ChunkSize - 1)), part).Clear();
            offset += part;
            count -= part;
        }
    }

    internal override bool TryDeallocate(long offset, long count)
    {
        Zero(offset, count);
        return true;
    }

    internal override void Flush()
    {
    }

    public override void Dispose() => Array.Clear(_chunks);

    private static Span<byte> Cut(Span<byte> bytes, long offset) =>
        bytes[..(int)Math.Min(bytes.Length, ChunkSize - (offset & (ChunkSize - 1)))];

    private Chunk ChunkAt(long offset)
    {
        ref Chunk? chunk = ref _chunks[offset >> ChunkShift];
        return Volatile.Read(ref chunk) ?? Interlocked.CompareExchange(ref chunk, new Chunk(), null) ?? chunk;
    }

    /// <summary>
    /// Bytes that begin at a page. A copy of a page from where no cache line begins takes up to twice as long.
    /// </summary>
    private sealed class Chunk
    {
        private const int Page = 4096;
        private readonly byte[] _bytes = GC.AllocateArray<byte>(ChunkSize + Page, pinned: true);
        private readonly int _first;

        internal Chunk() => _first = (int)(-Marshal.UnsafeAddrOfPinnedArrayElement(_bytes, 0) & (Page - 1));

        internal Span<byte> Slice(int at, int count) => _bytes.AsSpan(_first + at, count);
    }
}
