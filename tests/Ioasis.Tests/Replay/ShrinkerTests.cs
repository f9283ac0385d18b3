using Ioasis.Replay.Comparison;

namespace Ioasis.Tests.Replay;

public sealed class ShrinkerTests
{
    [Fact]
    public void OnlyTheCallsThatTheFailureNeedsStay()
    {
        int[] calls = [.. Enumerable.Range(0, 500)];
        var shrinker = new Shrinker<int>(candidates => [.. candidates.Select(c => FirstFailing(c, 77, 401))]);
        Assert.Equal([0, 77, 401], shrinker.Shrink(calls));
        Assert.Equal([0, 1, 2, 77, 401], shrinker.Shrink(calls, kept: 3));
    }

    [Fact]
    public void NothingBeforeTheLastStartIsTried()
    {
        var seen = new List<IReadOnlyList<int>>();
        var shrinker = new Shrinker<int>(candidates =>
        {
            seen.AddRange(candidates);
            return [.. candidates.Select(c => FirstFailing(c, 77, 401))];
        }, c => c % 50 == 0);
        int[] calls = [.. Enumerable.Range(0, 50), .. Enumerable.Range(50, 50), 401];
        Assert.Equal([50, 77, 401], shrinker.Shrink(calls));
        Assert.All(seen.Skip(1), c => Assert.Equal(50, c[0]));
    }

    [Fact]
    public void ASequenceThatDoesNotFailHasNoShorterOne() =>
        Assert.Null(new Shrinker<int>(candidates => [.. candidates.Select(_ => (int?)null)]).Shrink([1, 2, 3]));

    /// <summary>The second number fails if the first came before it.</summary>
    private static int? FirstFailing(IReadOnlyList<int> calls, int first, int second)
    {
        List<int> list = [.. calls];
        int at = list.IndexOf(first), failing = list.IndexOf(second);
        return at >= 0 && failing > at ? failing : null;
    }
}
