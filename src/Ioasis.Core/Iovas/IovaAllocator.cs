using System.Numerics;
using Ioasis.Memory;

namespace Ioasis.Core.Iovas;

/// <summary>
/// Chooses addresses for mappings as iommufd does for a program that leaves the choice to it: the lowest range that
/// fits, aligned so that large pages can be used (Linux: iopt_alloc_iova).
/// </summary>
internal static class IovaAllocator
{
    /// <summary>The page of the host in bytes (PAGE_SIZE).</summary>
    public const ulong HostPageSize = 4096;

    // A huge page of the host: automatic alignment goes no further.
    private const ulong MaxAlignment = 2 << 20;

    /// <summary>Finds a free range. Never gives address 0, even where that is valid.</summary>
    /// <param name="hint">
    /// The address or file offset of the memory: the range has the same alignment and the same offset in its page.
    /// </param>
    /// <param name="length">Bytes.</param>
    /// <param name="alignment">The alignment of the I/O address space, a power of two.</param>
    /// <param name="allowed">The ranges to search; empty for everywhere.</param>
    /// <param name="nextUsed">Returns the lowest used range that overlaps a first and a last address.</param>
    /// <param name="iova">The first address, when the answer is <see cref="IommuStatus.Ok"/>.</param>
    /// <returns>
    /// Overflow for no bytes, or as many as half of all addresses; Invalid when the memory is not aligned as the
    /// address space asks; NoSpace when nothing is free.
    /// </returns>
    public static IommuStatus Allocate(
        ulong hint, ulong length, ulong alignment, IReadOnlyList<IovaRange> allowed,
        Func<ulong, ulong, IovaRange?> nextUsed, out ulong iova)
    {
        ArgumentNullException.ThrowIfNull(allowed);
        iova = 0;
        if (length == 0 || length >= ulong.MaxValue / 2)
            return IommuStatus.Overflow.Because(
                $"the length is 0x{length:x}; it must be 1 to 0x{(ulong.MaxValue / 2) - 1:x}");
        ulong wanted = BitOperations.RoundUpToPowerOf2(length);
        if (hint != 0) wanted = Math.Min(wanted, 1UL << BitOperations.TrailingZeroCount(hint));
        wanted = Math.Min(wanted, MaxAlignment);
        if (wanted < alignment)
            return IommuStatus.Invalid.Because(
                $"the length or the memory's address is not a multiple of 0x{alignment:x}");

        ulong offsetInPage = hint % HostPageSize;
        var everywhere = new IovaRange(HostPageSize, ulong.MaxValue - HostPageSize);
        foreach (IovaRange part in allowed.Count == 0 ? [everywhere] : allowed)
        {
            ulong first = Math.Max(part.First, everywhere.First), last = Math.Min(part.Last, everywhere.Last);
            if (first > last || !TryFit(new IovaRange(first, last), length, wanted, offsetInPage, out ulong start))
                continue;
            foreach (IovaRange hole in IovaSpans.Holes(new IovaRange(start, last), nextUsed))
                if (TryFit(hole, length, wanted, offsetInPage, out iova)) return IommuStatus.Ok;
        }

        return IommuStatus.NoSpace.Because($"no free range of IOVAs has 0x{length:x} bytes");
    }

    private static bool TryFit(IovaRange hole, ulong length, ulong alignment, ulong offsetInPage, out ulong start)
    {
        start = unchecked(hole.First + alignment - 1);
        if (start < hole.First) return false;
        start = (start & ~(alignment - 1)) | offsetInPage;
        return start < hole.Last && hole.Last - start >= length - 1;
    }
}
