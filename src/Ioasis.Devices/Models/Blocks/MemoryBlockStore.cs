namespace Ioasis.Devices.Blocks;

/// <summary>Blocks in our own memory. Blocks take memory once written.</summary>
/// <param name="size">Bytes.</param>
internal sealed class MemoryBlockStore(long size) : BlockStore
{
    internal const long UsualSize = 64 << 20;
    private const int ChunkShift = 18;
    private const int ChunkSize = 1 << ChunkShift;
    private readonly byte[]?[] _chunks = new byte[]?[(size + ChunkSize - 1) >> ChunkShift]; // null: zeros

    internal override long Size => size;

    internal override void Read(long offset, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            Span<byte> part = Cut(destination, offset);
            if (Volatile.Read(ref _chunks[offset >> ChunkShift]) is { } chunk)
                chunk.AsSpan((int)(offset & (ChunkSize - 1)), part.Length).CopyTo(part);
            else part.Clear();
            offset += part.Length;
            destination = destination[part.Length..];
        }
    }

    internal override Span<byte> Lend(long offset, int count)
    {
        int at = (int)(offset & (ChunkSize - 1));
        return at + count <= ChunkSize && Volatile.Read(ref _chunks[offset >> ChunkShift]) is { } chunk
            ? chunk.AsSpan(at, count)
            : [];
    }

    internal override void Write(long offset, ReadOnlySpan<byte> source)
    {
        while (!source.IsEmpty)
        {
            int count = (int)Math.Min(source.Length, ChunkSize - (offset & (ChunkSize - 1)));
            source[..count].CopyTo(ChunkAt(offset).AsSpan((int)(offset & (ChunkSize - 1))));
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
                chunk.AsSpan((int)(offset & (ChunkSize - 1)), part).Clear();
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

    private byte[] ChunkAt(long offset)
    {
        ref byte[]? chunk = ref _chunks[offset >> ChunkShift];
        return Volatile.Read(ref chunk) ?? Interlocked.CompareExchange(ref chunk, new byte[ChunkSize], null) ?? chunk;
    }
}
