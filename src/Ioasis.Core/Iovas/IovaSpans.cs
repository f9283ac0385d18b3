using Ioasis.Memory;

namespace Ioasis.Core.Iovas;

/// <summary>Finds the gaps between used ranges of addresses.</summary>
internal static class IovaSpans
{
    /// <summary>The parts of a range that no used range covers, in ascending order.</summary>
    /// <param name="within">The range to search.</param>
    /// <param name="nextUsed">Returns the lowest used range that overlaps a first and a last address.</param>
    public static IEnumerable<IovaRange> Holes(IovaRange within, Func<ulong, ulong, IovaRange?> nextUsed)
    {
        ArgumentNullException.ThrowIfNull(nextUsed);
        return HolesOf(within, nextUsed);
    }

    /// <summary>All addresses but those of a range: at most two ranges.</summary>
    public static IEnumerable<IovaRange> Outside(IovaRange range) =>
        Holes(IovaRange.All, (first, last) => range.Overlaps(new IovaRange(first, last)) ? range : null);

    /// <summary>The same addresses in as few ranges as possible: those that touch become one.</summary>
    /// <param name="sorted">Ranges in ascending order that do not overlap.</param>
    public static IReadOnlyList<IovaRange> Merge(IEnumerable<IovaRange> sorted)
    {
        ArgumentNullException.ThrowIfNull(sorted);
        List<IovaRange> merged = [];
        foreach (IovaRange range in sorted)
        {
            if (merged.Count > 0 && merged[^1].Last == unchecked(range.First - 1))
                merged[^1] = new IovaRange(merged[^1].First, range.Last);
            else merged.Add(range);
        }

        return merged;
    }

    private static IEnumerable<IovaRange> HolesOf(IovaRange within, Func<ulong, ulong, IovaRange?> nextUsed)
    {
        ulong at = within.First;
        while (true)
        {
            if (nextUsed(at, within.Last) is not { } used)
            {
                yield return new IovaRange(at, within.Last);
                yield break;
            }

            if (used.First > at) yield return new IovaRange(at, used.First - 1);
            if (used.Last >= within.Last) yield break;
            at = used.Last + 1;
        }
    }
}
