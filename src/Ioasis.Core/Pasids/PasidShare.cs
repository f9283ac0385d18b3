using Ioasis.Memory;

namespace Ioasis.Core.Pasids;

/// <summary>
/// How many PASIDs somebody may have through all owners: a process through all its files, or a user through all
/// processes.
/// </summary>
internal sealed class PasidShare
{
    private int _count;

    /// <summary>A process's: a quarter of all that there are.</summary>
    public const int OfProcess = ((int)Pasid.MaxValue + 1) / 4;

    /// <summary>A user's: a half.</summary>
    public const int OfUser = ((int)Pasid.MaxValue + 1) / 2;

    /// <summary>Makes a share.</summary>
    /// <param name="limit">PASIDs that it allows.</param>
    public PasidShare(int limit) => Limit = limit;

    /// <summary>PASIDs that it allows.</summary>
    public int Limit { get; }

    /// <summary>PASIDs that count, whichever space they are of.</summary>
    public int Count => Volatile.Read(ref _count);

    internal bool TryTake()
    {
        if (Interlocked.Increment(ref _count) <= Limit) return true;
        Give();
        return false;
    }

    internal void Give() => Interlocked.Decrement(ref _count);
}
