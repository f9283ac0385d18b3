using Ioasis.Replay.Calls;

namespace Ioasis.Replay.Comparison;

/// <summary>A call that was answered in two ways.</summary>
/// <param name="Index">Its place in the sequence, from 0.</param>
/// <param name="Call">The call.</param>
/// <param name="Ours">Our answer.</param>
/// <param name="Linux">Linux's answer.</param>
public sealed record Difference(int Index, Call Call, string Ours, string Linux)
{
    /// <summary>
    /// The first difference of each part of a sequence. A reset begins a part. The calls after a difference start from
    /// different states, so their answers say nothing.
    /// </summary>
    public static List<Difference> Find(
        IReadOnlyList<Call> calls, IReadOnlyList<string> ours, IReadOnlyList<string> linux)
    {
        ArgumentNullException.ThrowIfNull(calls);
        ArgumentNullException.ThrowIfNull(ours);
        ArgumentNullException.ThrowIfNull(linux);
        var found = new List<Difference>();
        bool differs = false;
        for (int i = 0; i < calls.Count; i++)
        {
            if (calls[i].IsReset) differs = false;
            string theirs = i < linux.Count ? linux[i] : "(no answer)";
            if (differs || ours[i] == theirs) continue;
            differs = true;
            found.Add(new Difference(i, calls[i], ours[i], theirs));
        }

        return found;
    }

    /// <inheritdoc/>
    public override string ToString() => $"call {Index + 1}: {Call}\n  ours:  {Ours}\n  Linux: {Linux}";
}
