using Ioasis.Replay.Calls;
using Ioasis.Replay.Fuzz;

namespace Ioasis.Tests.Fuzz;

/// <summary>
/// Each oracle finds a machine that is wrong, with a short sequence, and none finds one that is right.
/// </summary>
public sealed class FuzzShardTests
{
    [Fact]
    public void OursIsRightAndTheSameSeedsGiveTheSameResult()
    {
        FuzzResult one = Play(() => new MachineTarget()), other = Play(() => new MachineTarget());
        Assert.Empty(one.Failures);
        Assert.Equal((2, 4000), (one.Seeds, one.Calls));
        Assert.Equal(one.Coverage.SelectMany(c => c.Value, (c, a) => (c.Key, a.Key, a.Value)),
            other.Coverage.SelectMany(c => c.Value, (c, a) => (c.Key, a.Key, a.Value)));
        Assert.True(one.Pairs > 100);
        Assert.True(one.Coverage["map"]["ok"] > 0 && one.Coverage["message"]["ok"] > 0);
    }

    [Fact]
    public void ShardsTogetherPlayTheSeedsOfOneShard()
    {
        FuzzShard Shard(int index, int count, int most) => new()
        {
            Index = index,
            Count = count,
            FirstSeed = 5,
            MostSeeds = most,
            CallsPerSeed = 400,
        };
        FuzzResult all = Shard(0, 1, 4).Run(_ => { });
        FuzzResult joined = FuzzResult.Merge([Shard(1, 2, 2).Run(_ => { }), Shard(0, 2, 2).Run(_ => { })]);
        Assert.Equal((all.Seeds, all.Calls), (joined.Seeds, joined.Calls));
        Assert.Equal(all.Coverage.SelectMany(c => c.Value, (c, a) => (c.Key, a.Key, a.Value)),
            joined.Coverage.SelectMany(c => c.Value, (c, a) => (c.Key, a.Key, a.Value)));
        Assert.Equal([0, 1], joined.Shards);
        Assert.Empty(joined.Missing);
    }

    [Fact]
    public void AnExceptionIsFoundWithAShortSequence()
    {
        FuzzFailure failure = Broken(inner => new Faulty(inner)
        {
            Answer = (call, answer) =>
                call.Name == "iova_ranges" && answer[0] == '0' ? throw new OverflowException("planted") : answer,
        });
        Assert.Equal(("exception", "vfio", 1), (failure.Oracle, failure.Kind, failure.Seed));
        Assert.Contains("OverflowException: planted", failure.What, StringComparison.Ordinal);
        Assert.StartsWith("iova_ranges", failure.Calls[^1], StringComparison.Ordinal);
        Assert.True(failure.Calls.Count < 8, string.Join('\n', failure.Calls));
    }

    [Fact]
    public void AFailedCallThatChangedSomethingIsFound()
    {
        int changes = 0;
        FuzzFailure failure = Broken(inner => new Faulty(inner)
        {
            Answer = (call, answer) =>
            {
                if (call.Name == "copy" && answer == "ENOENT") changes++;
                return answer;
            },
            Seen = state => $"{state}{changes}",
        });
        Assert.Equal("changed by a failed call", failure.Oracle);
        Assert.Equal(["reset", "copy"], failure.Calls.Select(c => c.Split(' ')[0]));
    }

    [Fact]
    public void WhatIsLeftAfterTheCloseIsFound()
    {
        FuzzFailure failure = Broken(inner => new Faulty(inner) { LeaksAfter = "hwpt_alloc" });
        Assert.Equal("left after the close", failure.Oracle);
        Assert.Contains("leaked", failure.What, StringComparison.Ordinal);
        Assert.Contains(failure.Calls, c => c.StartsWith("hwpt_alloc", StringComparison.Ordinal));
        Assert.True(failure.Calls.Count < 10, string.Join('\n', failure.Calls));
    }

    [Fact]
    public void AnswersThatDifferTheSecondTimeAreFound()
    {
        int made = 0;
        FuzzFailure failure = Broken(inner =>
        {
            bool isSecond = ++made == 2;
            return new Faulty(inner)
            {
                Answer = (call, answer) => isSecond && call.Name == "unmap" && answer[0] == '0' ? "EIO" : answer,
            };
        });
        Assert.Equal("not repeatable", failure.Oracle);
        Assert.StartsWith("unmap", failure.Calls[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void ACallThatHangsEndsTheShard()
    {
        using var never = new ManualResetEventSlim();
        List<FuzzFailure> found = [];
        var shard = new FuzzShard(() => new Faulty(new MachineTarget())
        {
            Answer = (call, answer) =>
            {
                if (call.Name == "hw_info") never.Wait();
                return answer;
            },
        })
        { CallsPerSeed = 2000, MostSeeds = 5, LongestCall = TimeSpan.FromSeconds(2) };
        FuzzResult result = shard.Run(found.Add);
        FuzzFailure failure = Assert.Single(found);
        Assert.Equal(("hang", 1), (failure.Oracle, (int)result.Seeds));
        Assert.StartsWith("reset", failure.Calls[0], StringComparison.Ordinal);
        Assert.StartsWith("hw_info", failure.Calls[^1], StringComparison.Ordinal);
        never.Set();
    }

    [Fact]
    public void AResultReadsBackAsItIsWritten()
    {
        string path = Path.GetTempFileName();
        try
        {
            FuzzFailure failure = new()
            {
                Seed = 7,
                Kind = "vdpa",
                Oracle = "hang",
                What = "x",
                Calls = ["reset_vdpa", "open vdpa=1"],
            };
            Result([2], failure).Write(path);
            FuzzResult read = FuzzResult.Read(path);
            FuzzFailure same = Assert.Single(read.Failures);
            Assert.Equal((failure.Seed, failure.Oracle), (same.Seed, same.Oracle));
            Assert.Equal(failure.Calls, same.Calls);
            Assert.Equal([2], read.Shards);
            Assert.Equal(5, read.Coverage["map"]["ok"]);
            File.WriteAllText(path, "{");
            Assert.Throws<IOException>(() => FuzzResult.Read(path));
            File.WriteAllText(path, "{}");
            Assert.Throws<IOException>(() => FuzzResult.Read(path));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void OnlyShardsOfOneCampaignAreJoinedEachOnce()
    {
        FuzzResult joined = FuzzResult.Merge([Result([2]), Result([0])]);
        Assert.Equal((20, 10), (joined.Seeds, joined.Coverage["map"]["ok"]));
        Assert.Equal([1, 3], joined.Missing);
        Assert.Equal("Shard 2 is there 2 times.",
            Assert.Throws<IOException>(() => FuzzResult.Merge([Result([2]), Result([2])])).Message);
        Assert.Equal("There is no shard 4 of 4.",
            Assert.Throws<IOException>(() => FuzzResult.Merge([Result([4])])).Message);
        Assert.StartsWith("The results are of different campaigns", Assert.Throws<IOException>(
            () => FuzzResult.Merge([Result([0]), Result([1]) with { FirstSeed = 2 }])).Message,
            StringComparison.Ordinal);
    }

    private static FuzzResult Result(int[] shards, params FuzzFailure[] failures) => new()
    {
        ShardCount = 4,
        Shards = shards,
        FirstSeed = 1,
        CallsPerSeed = 100,
        Seeds = 10,
        Calls = 5,
        Coverage = FuzzResult.Count([("map", "ok", 5)]),
        Failures = failures,
    };

    private static FuzzResult Play(Func<IFuzzTarget> target) =>
        new FuzzShard(target) { CallsPerSeed = 2000, MostSeeds = 2 }.Run(_ => { });

    private static FuzzFailure Broken(Func<IFuzzTarget, Faulty> target) =>
        Play(() => target(new MachineTarget())).Failures[0];

    /// <summary>A machine that is wrong in one way.</summary>
    private sealed class Faulty(IFuzzTarget inner) : IFuzzTarget
    {
        private bool _leaked;

        internal Func<Call, string, string> Answer { get; init; } = (_, answer) => answer;

        internal Func<string, string> Seen { get; init; } = state => state;

        internal string? LeaksAfter { get; init; }

        public string? Fresh => inner.Fresh;

        public string Play(Call call)
        {
            string answer = inner.Play(call);
            _leaked |= call.Name == LeaksAfter && answer[0] == '0';
            return Answer(call, answer);
        }

        public string State() => Seen(inner.State());

        public string All() => _leaked ? inner.All() + "leaked" : inner.All();

        public void Close() => inner.Close();

        public void Dispose() => inner.Dispose();
    }
}
