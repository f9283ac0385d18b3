using Ioasis.Linux.Processes;

namespace Ioasis.Linux.Memory;

/// <summary>How many files we hold open for one process, and may.</summary>
internal sealed class FileShare
{
    // Of the descriptors that we may have, a process may take so many; on a host that is mean with them, so many all
    // the same.
    private const ulong Part = 8, Least = 64;

    private static readonly ulong s_most = Math.Max(Least, SysProcesses.DescriptorLimit / Part);

    private long _held;

    /// <summary>How many are held.</summary>
    internal long Held => Interlocked.Read(ref _held);

    /// <summary>Takes one; false where the process has all that it may have.</summary>
    internal bool TryTake()
    {
        if (Interlocked.Increment(ref _held) <= (long)s_most) return true;
        Interlocked.Decrement(ref _held);
        return false;
    }

    /// <summary>Gives one back.</summary>
    internal void Give() => Interlocked.Decrement(ref _held);
}
