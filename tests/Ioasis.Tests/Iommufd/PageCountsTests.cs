using Ioasis.Iommufd.Mapping;
using Ioasis.Memory;

namespace Ioasis.Tests.Iommufd;

/// <summary>Counts by stretches against a counter for each page.</summary>
public sealed class PageCountsTests
{
    private const int Pages = 64;

    [Theory]
    [InlineData(21, 3)]
    [InlineData(22, 12)]
    [InlineData(23, 200)]
    public void CountsAsACounterForEachPageDoes(int seed, int ranges)
    {
        var random = new Random(seed);
        var counts = new PageCounts();
        int[] model = new int[Pages];
        List<(int First, int Last)> there = [];
        for (int step = 0; step < 4000; step++)
        {
            if (there.Count < random.Next(ranges + 1))
            {
                int a = random.Next(Pages), b = random.Next(Pages);
                (int First, int Last) range = (Math.Min(a, b), Math.Max(a, b));
                there.Add(range);
                counts.Add((ulong)range.First, (ulong)range.Last);
                for (int page = range.First; page <= range.Last; page++) model[page]++;
            }
            else if (there.Count > 0)
            {
                int at = random.Next(there.Count);
                (int first, int last) = there[at];
                there.RemoveAt(at);
                counts.Remove((ulong)first, (ulong)last);
                for (int page = first; page <= last; page++) model[page]--;
            }

            Assert.Equal((ulong)model.Count(n => n > 0), counts.Covered);
            for (int page = 0; page < Pages; page++) Assert.Equal(model[page] > 0, counts.Covers((ulong)page));
            int from = random.Next(Pages), to = random.Next(from, Pages);
            HashSet<ulong> holes = [.. counts.Holes((ulong)from, (ulong)to).SelectMany(PagesOf)];
            for (int page = 0; page < Pages; page++)
                Assert.Equal(page >= from && page <= to && model[page] == 0, holes.Contains((ulong)page));
        }
    }

    private static IEnumerable<ulong> PagesOf(IovaRange hole)
    {
        for (ulong page = hole.First; page <= hole.Last; page++) yield return page;
    }
}
