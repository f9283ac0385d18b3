using Ioasis.Memory;

namespace Ioasis.Iommufd.Mapping;

/// <summary>Walks what lies between used ranges.</summary>
internal static class Spans
{
    /// <summary>The parts of a range that no used range covers, in ascending order.</summary>
    /// <param name="within">Where to look.</param>
    /// <param name="nextUsed">Given a first and a last address: the lowest used range that touches them.</param>
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
}
