namespace Ioasis.Core.Dma;

/// <summary>
/// What devices accessed while an observer wanted it counted (<see cref="Observation.EventKinds.AccessCounts"/>).
/// </summary>
/// <param name="ReadBytes">Bytes that they read from memory.</param>
/// <param name="WrittenBytes">Bytes that they wrote to memory.</param>
/// <param name="Hits">Look-ups that the IOTLBs of their ports answered.</param>
/// <param name="Misses">
/// Look-ups that they did not: a page table was walked. An access that no IOTLB can answer, as it is long, or is to
/// memory of another process, is a miss for each of its pieces. Look-ups in a device's own translations (ATS) are
/// neither.
/// </param>
public readonly record struct AccessCounts(long ReadBytes, long WrittenBytes, long Hits, long Misses)
{
    /// <summary>The sum of two.</summary>
    public static AccessCounts operator +(AccessCounts left, AccessCounts right) => left.Add(right);

    /// <summary>What was accessed since an earlier count.</summary>
    internal AccessCounts Since(AccessCounts earlier) => new(
        ReadBytes - earlier.ReadBytes, WrittenBytes - earlier.WrittenBytes, Hits - earlier.Hits,
        Misses - earlier.Misses);

    /// <summary>The sum of two.</summary>
    public AccessCounts Add(AccessCounts other) => new(
        ReadBytes + other.ReadBytes, WrittenBytes + other.WrittenBytes, Hits + other.Hits, Misses + other.Misses);
}
