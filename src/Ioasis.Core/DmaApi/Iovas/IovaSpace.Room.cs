using System.Numerics;
using Ioasis.Memory;

namespace Ioasis.Core.DmaApi;

/// <content>Waiting for addresses.</content>
internal sealed partial class IovaSpace
{
    private readonly List<IovaRange> _reserved = []; // guarded by the lock

    /// <summary>Tells when addresses are given back.</summary>
    internal IovaRoom Room { get; } = new();

    /// <summary>
    /// Whether an allocation would succeed if nothing else were allocated. If not, there is nothing to wait for.
    /// </summary>
    /// <param name="length">Bytes, not 0.</param>
    /// <param name="limit">The last address that they may have.</param>
    internal bool CouldHold(ulong length, ulong limit)
    {
        ulong end = Math.Min(limit, _last) + 1;
        if (length > end) return false;
        ulong size = BitOperations.RoundUpToPowerOf2((ulong)UnitsOf(length)) << _shift;
        using (_lock.Enter())
        {
            while (end >= size)
            {
                ulong start = (end & ~(size - 1)) - size;
                int taken = _reserved.FindIndex(range => range.First < start + size && start <= range.Last);
                if (taken < 0) return true;
                end = _reserved[taken].First;
            }
        }

        return false;
    }
}
