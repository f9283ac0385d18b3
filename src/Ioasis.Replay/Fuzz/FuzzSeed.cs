using System.Diagnostics;
using Ioasis.Replay.Calls;
using Ioasis.Replay.Comparison;
using Ioasis.Replay.Generator;

namespace Ioasis.Replay.Fuzz;

/// <summary>
/// Plays the sequence of one seed under the oracles. Where one does not hold, makes the sequence shorter.
/// </summary>
/// <param name="seed">The seed.</param>
/// <param name="kind"><c>vfio</c> or <c>vdpa</c>.</param>
/// <param name="target">Makes a fresh target.</param>
internal sealed class FuzzSeed(int seed, string kind, Func<IFuzzTarget> target)
{
    internal const string Vfio = "vfio", Vdpa = "vdpa";
    private static readonly TimeSpan s_longestShrink = TimeSpan.FromMinutes(1);

    private volatile CheckedPlay? _play;
    private long _lastProgress = Stopwatch.GetTimestamp();

    /// <summary>How long ago a call began or ended.</summary>
    internal TimeSpan Quiet => Stopwatch.GetElapsedTime(Volatile.Read(ref _lastProgress));

    /// <summary>How often each call had each answer.</summary>
    internal IEnumerable<(string Call, string Errno)> Covered => _play is not { } play ? [] : play.Calls.Zip(
        play.Answers, (call, answer) => (call.Name, answer.StartsWith('0') ? "ok" : answer.Split(' ')[0]));

    /// <summary>Plays it.</summary>
    /// <param name="count">How many calls.</param>
    /// <returns>What does not hold; null if everything does.</returns>
    internal FuzzFailure? Run(int count)
    {
        using IFuzzTarget first = target();
        var play = new CheckedPlay(first, Progress);
        _play = play;
        try
        {
            if (kind == Vdpa) VdpaSequenceGenerator.Generate(seed, count, play.Play);
            else SequenceGenerator.Generate(seed, count, play.Play);
            play.CloseAll();
            return Repeat(play);
        }
        catch (OracleException broken)
        {
            return Failure(broken.Oracle, broken.Message, Shrink(play.Calls, broken.Oracle) ?? play.Calls);
        }
    }

    /// <summary>The failure of a call that does not end.</summary>
    internal FuzzFailure Hung()
    {
        IReadOnlyList<Call> calls = _play?.Calls ?? [];
        int start = calls.Count - 1;
        while (start > 0 && !calls[start].IsReset) start--;
        Call? last = calls.Count == 0 ? null : calls[^1];
        return Failure(
            CheckedPlay.Hang, $"{last} has no answer after {Quiet.TotalSeconds:f0} s", [.. calls.Skip(start)]);
    }

    private FuzzFailure? Repeat(CheckedPlay play)
    {
        using IFuzzTarget second = target();
        IReadOnlyList<Call> calls = play.Calls;
        for (int i = 0; i < calls.Count; i++)
        {
            Progress();
            string answer = second.Play(calls[i]);
            if (answer == play.Answers[i]) continue;
            return Failure(CheckedPlay.NotRepeatable,
                $"{calls[i]} was answered {play.Answers[i]}, and the second time {answer}", [.. calls.Take(i + 1)]);
        }

        return null;
    }

    private IReadOnlyList<Call>? Shrink(IReadOnlyList<Call> calls, string oracle)
    {
        long began = Stopwatch.GetTimestamp();
        var shrinker = new Shrinker<Call>(
            candidates => [.. candidates.Select(c => BreaksAt(c, oracle, began))], c => c.IsReset);
        return shrinker.Shrink(calls);
    }

    /// <summary>The call at which the oracle does not hold; null if it does, or time is up.</summary>
    private int? BreaksAt(IReadOnlyList<Call> calls, string oracle, long began)
    {
        if (Stopwatch.GetElapsedTime(began) > s_longestShrink) return null;
        using IFuzzTarget one = target();
        var play = new CheckedPlay(one, Progress);
        try
        {
            foreach (Call call in calls) play.Play(call);
            play.CloseAll();
            return null;
        }
        catch (OracleException broken)
        {
            return broken.Oracle == oracle ? play.Calls.Count - 1 : null;
        }
    }

    private FuzzFailure Failure(string oracle, string what, IReadOnlyList<Call> calls) => new()
    {
        Seed = seed,
        Kind = kind,
        Oracle = oracle,
        What = what,
        Calls = [.. calls.Select(c => c.ToString())],
    };

    private void Progress() => Volatile.Write(ref _lastProgress, Stopwatch.GetTimestamp());
}
