using Ioasis.Linux.Processes;

namespace Ioasis.Linux.Memory;

/// <summary>The files that we hold open for one process: their number and its limit.</summary>
internal sealed class FileShare
{
    // The limit is this fraction of the descriptors that we may have, but at least this many on a host with a low
    // limit.
    private const ulong Part = 8, Least = 64;

    private static readonly ulong s_most = Math.Max(Least, SysProcesses.DescriptorLimit / Part);

    private long _held;

    /// <summary>Number of files held.</summary>
    internal long Held => Interlocked.Read(ref _held);

    /// <summary>Takes one more; false if the process has reached its limit.</summary>
    internal bool TryTake()
    {
        if (Interlocked.Increment(ref _held) <= (long)s_most) return true;
        Interlocked.Decrement(ref _held);
        return false;
    }

    /// <summary>Gives one back.</summary>
    internal void Give() => Interlocked.Decrement(ref _held);
}
