using Ioasis.Differential.Calls;
using Ioasis.Differential.InProcess;
using Ioasis.Differential.Linux;

namespace Ioasis.Differential.Commands;

/// <summary>
/// Takes calls out of a sequence for as long as the last one is still answered in two ways. A boot takes seconds and a
/// sequence next to nothing, so that all candidates of a round are played in one.
/// </summary>
internal sealed class Shrinker(Reference reference)
{
    private const int CandidatesPerRound = 400;

    /// <summary>
    /// The shortest sequence found that ends with a difference; null when there is none to begin with.
    /// </summary>
    internal (List<Call> Calls, Difference Difference)? Shrink(IReadOnlyList<Call> calls)
    {
        if (FirstDifferences([calls])[0] is not { } difference) return null;
        int start = difference.Index;
        while (start > 0 && calls[start].Name != "reset") start--;
        List<Call> best = [.. calls.Skip(start).Take(difference.Index - start + 1)];

        for (int piece = Math.Max(1, best.Count / 4); ;)
        {
            List<IReadOnlyList<Call>> candidates = [.. Without(best, piece).Take(CandidatesPerRound)];
            int found = -1;
            List<Difference?> differences = FirstDifferences(candidates);
            for (int i = 0; i < candidates.Count; i++)
                if (differences[i] is { } smaller && (found < 0 || smaller.Index < differences[found]!.Index))
                    found = i;
            if (found >= 0)
            {
                difference = differences[found]!;
                best = [.. candidates[found].Take(difference.Index + 1)];
                piece = Math.Clamp(piece, 1, Math.Max(1, best.Count / 2));
            }
            else if (piece == 1)
            {
                return (best, difference with { Index = best.Count - 1 });
            }
            else
            {
                piece /= 2;
            }
        }
    }

    /// <summary>
    /// The sequence without one piece, and without every second one and the like; reset and the last call stay.
    /// </summary>
    private static IEnumerable<IReadOnlyList<Call>> Without(List<Call> calls, int piece)
    {
        for (int from = 1; from < calls.Count - 1; from += piece)
        {
            int end = Math.Min(from + piece, calls.Count - 1);
            yield return [.. calls.Take(from), .. calls.Skip(end)];
            if (from > 1) yield return [calls[0], .. calls.Skip(end)];
        }
    }

    private List<Difference?> FirstDifferences(List<IReadOnlyList<Call>> sequences) => sequences.Count == 0 ? [] :
    [
        .. reference.Play(sequences).Zip(sequences, (linux, calls) =>
            Difference.Find(calls, Player.PlayAll(calls), linux).FirstOrDefault()),
    ];
}
