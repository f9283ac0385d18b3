using Ioasis.Devices.Blocks;

namespace Ioasis.Devices.Nvme;

/// <summary>A part of a storage. Nothing outside of it can be reached through it.</summary>
/// <param name="store">The storage, which outlives the part.</param>
/// <param name="start">Offset of its first byte.</param>
/// <param name="size">Bytes.</param>
internal sealed class NvmeSlice(BlockStore store, long start, long size) : BlockStore
{
    private const long Alignment = 4096; // file systems align to this

    internal override long Size => size;

    /// <summary>Bytes of each part if a controller and this many mdevs share a storage.</summary>
    internal static long SizeOf(BlockStore store, int mdevs) =>
        mdevs == 0 ? store.Size : store.Size / (mdevs + 1) & ~(Alignment - 1);

    internal override void Read(long offset, Span<byte> destination) =>
        store.Read(At(offset, destination.Length), destination);

    internal override Span<byte> Lend(long offset, int count) => store.Lend(At(offset, count), count);

    internal override void Write(long offset, ReadOnlySpan<byte> source) =>
        store.Write(At(offset, source.Length), source);

    internal override void Zero(long offset, long count) => store.Zero(At(offset, count), count);

    internal override void Erase(long offset, long count) => store.Erase(At(offset, count), count);

    internal override bool TryDeallocate(long offset, long count) => store.TryDeallocate(At(offset, count), count);

    internal override void Flush() => store.Flush();

    public override void Dispose()
    {
    }

    /// <summary>Where bytes of the part are in the storage.</summary>
    /// <exception cref="ArgumentOutOfRangeException">They do not lie within the part: our bug.</exception>
    private long At(long offset, long count) =>
        offset >= 0 && count >= 0 && count <= size && offset <= size - count
            ? start + offset
            : throw new ArgumentOutOfRangeException(nameof(offset));
}
