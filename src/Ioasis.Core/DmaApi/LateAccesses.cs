namespace Ioasis.Core.DmaApi;

/// <summary>
/// Counts accesses to mappings that were unmapped lazily and not yet flushed: their memory is still held.
/// </summary>
internal sealed class LateAccesses
{
    private long _count;

    /// <summary>How many there were.</summary>
    internal long Seen => Interlocked.Read(ref _count);

    internal void Count() => Interlocked.Increment(ref _count);
}
