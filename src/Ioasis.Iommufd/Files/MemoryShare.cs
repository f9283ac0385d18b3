namespace Ioasis.Iommufd.Files;

/// <summary>
/// The bytes of our memory that are held for a process, for a user or for all programs, and their limit.
/// </summary>
internal sealed class MemoryShare
{
    // The most memory that the collector may use: the machine's, a container's limit or the heap's.
    private static readonly long s_available =
        GC.GetGCMemoryInfo().TotalAvailableMemoryBytes is > 0 and var bytes ? bytes : long.MaxValue;

    private long _held;

    /// <summary>The share of all programs together. The other half is ours.</summary>
    internal static MemoryShare All { get; } = new() { Limit = s_available / 2 };

    /// <summary>
    /// The most bytes that may be held. If more are held already they are kept, but no more are granted.
    /// </summary>
    internal long Limit { get; set; } = long.MaxValue;

    /// <summary>Bytes held.</summary>
    internal long Held => Volatile.Read(ref _held);

    /// <summary>A process's share: half of all programs' share.</summary>
    internal static MemoryShare OfProcess() => new() { Limit = s_available / 4 };

    /// <summary>A user's share: three quarters of all programs' share.</summary>
    internal static MemoryShare OfUser() => new() { Limit = s_available / 8 * 3 };

    internal bool TryTake(long bytes)
    {
        long now;
        do
        {
            now = Held;
            if (bytes > Limit - now) return false;
        }
        while (Interlocked.CompareExchange(ref _held, now + bytes, now) != now);
        return true;
    }

    /// <summary>Adds bytes that are held already, regardless of the limit.</summary>
    internal void Take(long bytes) => Interlocked.Add(ref _held, bytes);

    internal void Give(long bytes) => Interlocked.Add(ref _held, -bytes);
}
