namespace Ioasis.Memory.Threads;

/// <summary>The ranked locks that one thread holds, in the order in which it took them.</summary>
internal sealed class HeldLocks
{
    private (object Lock, LockRank Rank)[] _held = new (object, LockRank)[8];

    /// <summary>How many.</summary>
    internal int Count { get; private set; }

    /// <summary>Takes one more in; null, or what is wrong with it.</summary>
    internal string? TryAdd(object taken, LockRank rank)
    {
        string? violation = Violation(taken, rank, mayBeSame: false);
        if (violation is null) Add(taken, rank);
        return violation;
    }

    /// <summary>As <see cref="TryAdd"/>, where others of its rank may be held.</summary>
    internal string? TryAddToMany(object taken, LockRank rank)
    {
        string? violation = Violation(taken, rank, mayBeSame: true);
        if (violation is null) Add(taken, rank);
        return violation;
    }

    internal void Add(object taken, LockRank rank)
    {
        if (Count == _held.Length) Array.Resize(ref _held, 2 * Count);
        _held[Count++] = (taken, rank);
    }

    internal void RemoveLast() => _held[--Count] = default;

    // A lock that the thread holds is taken again without waiting, and so in any order.
    private string? Violation(object taken, LockRank rank, bool mayBeSame)
    {
        for (int i = 0; i < Count; i++)
            if (_held[i].Lock == taken) return null;
        for (int i = 0; i < Count; i++)
        {
            LockRank heldRank = _held[i].Rank;
            if (heldRank > LockRank.Innermost)
                return $"The lock {rank} is taken under {heldRank}, which is innermost.";
            if (heldRank > rank || (heldRank == rank && !mayBeSame))
                return $"The lock {rank} is taken under {heldRank}, which comes after it in {nameof(LockRank)}.";
        }

        return null;
    }
}
