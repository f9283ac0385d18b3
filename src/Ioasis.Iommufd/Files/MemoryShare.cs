namespace Ioasis.Iommufd.Files;

/// <summary>
/// How much of our memory is held for somebody, and how much may be: for a process, for a user, or for all of them.
/// </summary>
internal sealed class MemoryShare
{
    // What the collector may use at most: the machine's memory, a container's limit or the heap's.
    private static readonly long s_available =
        GC.GetGCMemoryInfo().TotalAvailableMemoryBytes is > 0 and var bytes ? bytes : long.MaxValue;

    private long _held;

    /// <summary>All programs together: a half is left to us.</summary>
    internal static MemoryShare All { get; } = new() { Limit = s_available / 2 };

    /// <summary>Bytes that may be held. One that holds more keeps them and gets none.</summary>
    internal long Limit { get; set; } = long.MaxValue;

    /// <summary>Bytes that are held.</summary>
    internal long Held => Volatile.Read(ref _held);

    /// <summary>A process's: all programs' share is two processes'.</summary>
    internal static MemoryShare OfProcess() => new() { Limit = s_available / 4 };

    /// <summary>A user's: three quarters of all programs' share.</summary>
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

    /// <summary>Counts bytes that are held already, whatever may be.</summary>
    internal void Take(long bytes) => Interlocked.Add(ref _held, bytes);

    internal void Give(long bytes) => Interlocked.Add(ref _held, -bytes);
}
