using Ioasis.Memory.Threads;

namespace Ioasis.Core.DmaApi;

/// <summary>Free paged slots of one size that no thread keeps.</summary>
internal sealed class SharedSlots
{
    // Guards the numbers. Innermost.
    private readonly RankedLock _lock = new(LockRank.SharedSlots);
    private int[] _numbers = [];
    private int _count;

    /// <summary>Takes as many as there are and fit; the last given come first.</summary>
    internal int Take(Span<int> taken)
    {
        using (_lock.Enter())
        {
            int count = Math.Min(taken.Length, _count);
            _numbers.AsSpan(_count - count, count).CopyTo(taken);
            _count -= count;
            return count;
        }
    }

    internal void Give(ReadOnlySpan<int> given)
    {
        using (_lock.Enter())
        {
            if (_numbers.Length - _count < given.Length)
                Array.Resize(ref _numbers, Math.Max(2 * _numbers.Length, _count + given.Length));
            given.CopyTo(_numbers.AsSpan(_count));
            _count += given.Length;
        }
    }
}
