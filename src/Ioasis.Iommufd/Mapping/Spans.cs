using Ioasis.Memory;

namespace Ioasis.Iommufd.Mapping;

/// <summary>Finds the gaps between used ranges.</summary>
internal static class Spans
{
    /// <summary>The parts of a range that no used range covers, in ascending order.</summary>
    /// <param name="within">The range to search.</param>
    /// <param name="nextUsed">Returns the lowest used range that overlaps a first and a last address.</param>
    internal static IEnumerable<IovaRange> Holes(IovaRange within, Func<ulong, ulong, IovaRange?> nextUsed)
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

    /// <summary>Merges adjacent ranges.</summary>
    /// <param name="sorted">Ranges in ascending order that do not overlap.</param>
    internal static List<IovaRange> Merge(IEnumerable<IovaRange> sorted)
    {
        List<IovaRange> merged = [];
        foreach (IovaRange range in sorted)
        {
            if (merged.Count > 0 && merged[^1].Last == unchecked(range.First - 1))
                merged[^1] = new IovaRange(merged[^1].First, range.Last);
            else merged.Add(range);
        }

        return merged;
    }
}
