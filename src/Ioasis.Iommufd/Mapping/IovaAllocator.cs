using System.Numerics;
using Ioasis.Abi;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Mapping;

/// <summary>
/// Chooses an IOVA if the program did not, as Linux does: the lowest that fits, aligned so that large pages are
/// possible.
/// </summary>
internal static class IovaAllocator
{
    /// <summary>The largest automatic alignment: a huge page of the host.</summary>
    private const ulong MaxAlignment = 2 << 20;

    /// <summary>Finds a free range. Never returns address 0, even if that is valid.</summary>
    /// <param name="hint">Address or file offset of the memory. The IOVA takes over its alignment and its offset in the
    /// page.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="alignment">The IOAS's alignment, a power of two.</param>
    /// <param name="allowed">The ranges to search; empty for everywhere.</param>
    /// <param name="nextUsed">Returns the lowest used or reserved range that overlaps a first and a last
    /// address.</param>
    /// <param name="iova">The address found.</param>
    internal static Errno Allocate(
        ulong hint, ulong length, ulong alignment, IReadOnlyList<IovaRange> allowed,
        Func<ulong, ulong, IovaRange?> nextUsed, out ulong iova)
    {
        const ulong page = IoPageTable.HostPageSize;
        iova = 0;
        if (length == 0 || length >= ulong.MaxValue / 2) return Errno.EOVERFLOW;
        ulong wanted = BitOperations.RoundUpToPowerOf2(length);
        if (hint != 0) wanted = Math.Min(wanted, 1UL << BitOperations.TrailingZeroCount(hint));
        wanted = Math.Min(wanted, MaxAlignment);
        if (wanted < alignment) return Errno.EINVAL;

        ulong offsetInPage = hint % page;
        var everywhere = new IovaRange(page, ulong.MaxValue - page);
        foreach (IovaRange part in allowed.Count == 0 ? [everywhere] : allowed)
        {
            ulong first = Math.Max(part.First, everywhere.First), last = Math.Min(part.Last, everywhere.Last);
            if (first > last || !TryFit(new IovaRange(first, last), length, wanted, offsetInPage, out ulong start))
                continue;
            foreach (IovaRange hole in Spans.Holes(new IovaRange(start, last), nextUsed))
                if (TryFit(hole, length, wanted, offsetInPage, out iova)) return Errno.None;
        }

        return Errno.ENOSPC;
    }

    private static bool TryFit(IovaRange hole, ulong length, ulong alignment, ulong offsetInPage, out ulong start)
    {
        start = unchecked(hole.First + alignment - 1);
        if (start < hole.First) return false;
        start = (start & ~(alignment - 1)) | offsetInPage;
        return start < hole.Last && hole.Last - start >= length - 1;
    }
}
