namespace Ioasis.Replay.Comparison;

/// <summary>
/// Takes calls out of a sequence for as long as it still fails. A round tries many candidates at once, because a judge
/// may have to boot a machine for each batch.
/// </summary>
/// <typeparam name="T">A call.</typeparam>
/// <param name="judge">For each candidate the index of the call that fails, or null if none fails.</param>
/// <param name="isStart">Whether a call begins anew, so that nothing before it matters; null if no call does.</param>
public sealed class Shrinker<T>(
    Func<IReadOnlyList<IReadOnlyList<T>>, IReadOnlyList<int?>> judge, Predicate<T>? isStart = null)
{
    private const int CandidatesPerRound = 400;

    /// <summary>Finds the shortest sequence that it can.</summary>
    /// <param name="calls">The sequence.</param>
    /// <param name="kept">How many calls at the beginning stay in any case.</param>
    /// <returns>A sequence whose last call fails; null if the given one does not fail.</returns>
    public IReadOnlyList<T>? Shrink(IReadOnlyList<T> calls, int kept = 1)
    {
        ArgumentNullException.ThrowIfNull(calls);
        if (judge([calls])[0] is not { } failing) return null;
        int start = 0;
        if (isStart is not null)
            for (start = failing; start > 0 && !isStart(calls[start]); start--) continue;
        List<T> best = [.. calls.Skip(start).Take(failing - start + 1)];

        for (int piece = Math.Max(1, best.Count / 4); ;)
        {
            List<IReadOnlyList<T>> candidates = [.. Without(best, piece, kept).Take(CandidatesPerRound)];
            IReadOnlyList<int?> judged = candidates.Count == 0 ? [] : judge(candidates);
            int found = -1;
            for (int i = 0; i < candidates.Count; i++)
                if (judged[i] is { } index && (found < 0 || index < judged[found]!.Value)) found = i;
            if (found >= 0)
            {
                best = [.. candidates[found].Take(judged[found]!.Value + 1)];
                piece = Math.Clamp(piece, 1, Math.Max(1, best.Count / 2));
            }
            else if (piece == 1)
            {
                return best;
            }
            else
            {
                piece /= 2;
            }
        }
    }

    /// <summary>
    /// The sequence without one piece, and without all before the end of that piece. The kept calls and the last one
    /// stay.
    /// </summary>
    private static IEnumerable<IReadOnlyList<T>> Without(List<T> calls, int piece, int kept)
    {
        for (int from = kept; from < calls.Count - 1; from += piece)
        {
            int end = Math.Min(from + piece, calls.Count - 1);
            yield return [.. calls.Take(from), .. calls.Skip(end)];
            if (from > kept) yield return [.. calls.Take(kept), .. calls.Skip(end)];
        }
    }
}
