using Ioasis.Memory;

namespace Ioasis.Core.DmaApi;

/// <summary>
/// Memory of our own process by its addresses, for mappings that were taken out but not yet flushed: it is still held.
/// Each access to it is one that came too late.
/// </summary>
internal sealed class LateAccesses() : MemoryBacking(ulong.MaxValue, writable: true, alignmentHint: 0)
{
    private long _count;

    /// <summary>How many there were.</summary>
    internal long Seen => Interlocked.Read(ref _count);

    internal void Count() => Interlocked.Increment(ref _count);

    public override bool TryPopulate(ulong offset, ulong length) => true;

    public override bool TryRead(ulong offset, Span<byte> destination)
    {
        Count();
        HostMemory.Read((nint)offset, destination);
        return true;
    }

    public override bool TryWrite(ulong offset, ReadOnlySpan<byte> source)
    {
        Count();
        HostMemory.Write((nint)offset, source);
        return true;
    }
}
