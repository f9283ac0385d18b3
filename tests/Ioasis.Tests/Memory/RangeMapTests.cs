using Ioasis.Memory;

namespace Ioasis.Tests.Memory;

public sealed class RangeMapTests
{
    // A list that is searched from end to end, against which the tree is held.
    private readonly SortedDictionary<ulong, (ulong Last, int Value)> _oracle = [];
    private readonly RangeMap<int> _map = new();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void ATreeThatGrowsAndShrinksAnswersAsASearchedListDoes(int seed)
    {
        var random = new Random(seed);
        for (int step = 0; step < 30_000; step++)
        {
            // Grow to some thousands of ranges, shrink to none, and again: splits and empty nodes both happen at every
            // level.
            bool growing = step / 6_000 % 2 == 0;
            ulong first = (ulong)random.Next(20_000) * 16;
            ulong last = first + (ulong)random.Next(1, 40);
            if (random.Next(4) == 0 ? !growing : growing)
            {
                bool free = !_oracle.Any(r => r.Key <= last && r.Value.Last >= first);
                Assert.Equal(!free, _map.Overlaps(first, last));
                Assert.Equal(free, _map.IsFree(first, last, out RangeMap<int>.Gap gap));
                if (free)
                {
                    if (random.Next(2) == 0) _map.Add(first, last, step);
                    else _map.AddTo(gap, first, last, step);
                    _oracle.Add(first, (last, step));
                }
                else
                {
                    Assert.Throws<ArgumentException>(() => _map.Add(first, last, step));
                }
            }
            else if (_oracle.Count > 0 && random.Next(8) == 0)
            {
                RemoveRun((ulong)random.Next(330_000), random);
            }
            else if (_oracle.Count > 0)
            {
                ulong victim = _oracle.Keys.ElementAt(random.Next(_oracle.Count));
                Assert.False(_map.Remove(victim + 1));
                Assert.True(_map.Remove(victim));
                _oracle.Remove(victim);
            }

            Assert.Equal(_oracle.Count, _map.Count);
            ulong from = (ulong)random.Next(330_000), to = from + (ulong)random.Next(2_000);
            Check(from, to);
        }

        Assert.Equal(_oracle.Select(r => (r.Key, r.Value.Last, r.Value.Value)),
            _map.All().Select(e => (e.First, e.Last, e.Value)));
    }

    [Fact]
    public void RangesAtBothEndsOfTheAddressSpaceAreFound()
    {
        _map.Add(0, 0, 1);
        _map.Add(ulong.MaxValue, ulong.MaxValue, 2);
        Assert.True(_map.TryFind(0, out int low));
        Assert.True(_map.TryFind(ulong.MaxValue, out int high));
        Assert.Equal((1, 2), (low, high));
        Assert.False(_map.Overlaps(1, ulong.MaxValue - 1));
    }

    /// <summary>Removes some ranges that stand one after the other.</summary>
    private void RemoveRun(ulong from, Random random)
    {
        RangeMap<int>.Run run = _map.FindRun(from, ulong.MaxValue);
        List<KeyValuePair<ulong,
            (ulong Last, int Value)>> expected = [.. _oracle.Where(r => r.Value.Last >= from).Take(run.Count)];
        Assert.Equal(run.Count, expected.Count);
        Assert.Equal(run.Count == 0, _oracle.All(r => r.Value.Last < from));
        for (int i = 0; i < run.Count; i++)
            Assert.Equal((expected[i].Key, expected[i].Value.Last, expected[i].Value.Value),
                (run.First(i), run.Last(i), run.Value(i)));
        int count = random.Next(run.Count + 1);
        _map.Remove(run, count);
        foreach (KeyValuePair<ulong, (ulong Last, int Value)> removed in expected.Take(count))
            _oracle.Remove(removed.Key);
    }

    private void Check(ulong from, ulong to)
    {
        KeyValuePair<ulong, (ulong Last, int Value)> expected =
            _oracle.FirstOrDefault(r => r.Value.Last >= from && r.Key <= to);
        bool found = _map.TryFindFirst(from, to, out RangeMap<int>.Entry entry);
        Assert.Equal(expected.Value.Last != 0, found);
        Assert.Equal(found, _map.FindRun(from, to).Count != 0);
        if (found)
            Assert.Equal((expected.Key, expected.Value.Last, expected.Value.Value),
            (entry.First, entry.Last, entry.Value));
    }
}
