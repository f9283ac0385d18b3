using System.Diagnostics;

namespace Ioasis.Replay.Fuzz;

/// <summary>
/// One shard of a campaign. Shard I of N plays the seeds FIRST + I, FIRST + I + N and so on, whatever the other shards
/// do, so that shards need nothing of each other.
/// </summary>
public sealed class FuzzShard
{
    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(200);
    private readonly Func<IFuzzTarget> _target;

    /// <summary>A shard that plays on machines of its own.</summary>
    public FuzzShard() : this(static () => new MachineTarget())
    {
    }

    internal FuzzShard(Func<IFuzzTarget> target) => _target = target;

    /// <summary>Which of the shards it is, from 0.</summary>
    public int Index { get; init; }

    /// <summary>How many shards there are.</summary>
    public int Count { get; init; } = 1;

    /// <summary>The first seed of all shards.</summary>
    public int FirstSeed { get; init; } = 1;

    /// <summary>How long it goes on. It plays one seed at least, and ends the last that it began.</summary>
    public TimeSpan Time { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How many seeds it plays at most; null for as many as there is time for.</summary>
    public int? MostSeeds { get; init; }

    /// <summary>How many calls each seed has, for VFIO and for vDPA together.</summary>
    public int CallsPerSeed { get; init; } = 8000;

    /// <summary>How long a call may take.</summary>
    public TimeSpan LongestCall { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Plays the seeds. After a call that hangs it plays no more: the machine is not to be trusted.</summary>
    /// <param name="found">Is told of each failure at once.</param>
    public FuzzResult Run(Action<FuzzFailure> found)
    {
        ArgumentNullException.ThrowIfNull(found);
        long began = Stopwatch.GetTimestamp();
        List<FuzzFailure> failures = [];
        Dictionary<(string, string), long> covered = [];
        long seeds = 0;
        bool hangs = false;
        for (int seed = FirstSeed + Index; !hangs && seeds != MostSeeds; seed += Count)
        {
            if (seeds != 0 && Stopwatch.GetElapsedTime(began) >= Time) break;
            seeds++;
            foreach (string kind in (string[])[FuzzSeed.Vfio, FuzzSeed.Vdpa])
            {
                var one = new FuzzSeed(seed, kind, _target);
                FuzzFailure? failure = RunToItsEnd(one, out hangs);
                foreach ((string, string) pair in one.Covered) covered[pair] = covered.GetValueOrDefault(pair) + 1;
                if (failure is null) continue;
                failures.Add(failure);
                found(failure);
                if (hangs) break;
            }
        }

        return new FuzzResult
        {
            ShardCount = Count,
            Shards = [Index],
            FirstSeed = FirstSeed,
            CallsPerSeed = CallsPerSeed,
            Seeds = seeds,
            Calls = covered.Values.Sum(),
            Seconds = Math.Round(Stopwatch.GetElapsedTime(began).TotalSeconds, 1),
            Coverage = FuzzResult.Count(covered.Select(c => (c.Key.Item1, c.Key.Item2, c.Value))),
            Failures = failures,
        };
    }

    private FuzzFailure? RunToItsEnd(FuzzSeed seed, out bool hangs)
    {
        hangs = false;
        Task<FuzzFailure?> run = Task.Run(() => seed.Run(CallsPerSeed / 2));
        while (!run.Wait(s_look))
        {
            if (seed.Quiet < LongestCall) continue;
            hangs = true;
            return seed.Hung();
        }

        return run.Result;
    }
}
