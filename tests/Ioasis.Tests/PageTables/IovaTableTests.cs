using Ioasis.PageTables;

namespace Ioasis.Tests.PageTables;

public sealed class IovaTableTests
{
    private const int MostEmpty = 1 + (17 * 6); // the root, and nodes that became empty with all those above

    [Theory]
    [InlineData(12, 1)]
    [InlineData(12, 2)]
    [InlineData(11, 3)]
    [InlineData(12, 4)]
    public void RandomMappingsOfAllSizesAreFoundWhereTheyAreAndNowhereElse(int pageShift, int seed)
    {
        var random = new Random(seed);
        var table = new IovaTable(pageShift);
        List<(ulong First, ulong Last, ulong Value)> mapped = [];
        ulong next = 1;
        for (int step = 0; step < 4_000; step++)
        {
            if (random.Next(3) != 0)
            {
                // Sizes from a page to terabytes, anywhere in 64 bits, aligned to no more than a page.
                ulong first = (ulong)random.NextInt64() << random.Next(2) >> random.Next(52) >> pageShift << pageShift;
                ulong pages = 1 + ((ulong)random.NextInt64() >> random.Next(34, 63));
                ulong last = unchecked(first + (pages << pageShift) - 1);
                if (last < first || mapped.Exists(m => m.First <= last && m.Last >= first)) continue;
                table.Set(first, last, next);
                mapped.Add((first, last, next++));
            }
            else if (mapped.Count > 0 && random.Next(2) == 0)
            {
                // A mapping becomes two, cut at any page: each is then taken out by itself.
                int whole = random.Next(mapped.Count);
                (ulong first, ulong last, ulong value) = mapped[whole];
                ulong pages = (last - first) >> pageShift;
                if (pages == 0) continue;
                ulong cut = first + ((1 + ((ulong)random.NextInt64() % pages)) << pageShift);
                mapped[whole] = (first, cut - 1, value);
                mapped.Add((cut, last, value));
            }
            else if (mapped.Count > 0)
            {
                int victim = random.Next(mapped.Count);
                Assert.Equal(mapped[victim].Value, table.Clear(mapped[victim].First, mapped[victim].Last));
                mapped.RemoveAt(victim);
            }

            foreach ((ulong first, ulong last, _) in mapped.TakeLast(3))
                foreach (ulong probe in (ulong[])[first, last, first + ((last - first) / 2), unchecked(first - 1),
                    unchecked(last + 1)])
                    Assert.Equal(mapped.FirstOrDefault(m => m.First <= probe && probe <= m.Last).Value,
                        table.Find(probe));
            if (mapped.Count > 0 && random.Next(2) == 0)
            {
                // A device uses an address, mostly in the midst of a run.
                (ulong first, ulong last, ulong value) = mapped[random.Next(mapped.Count)];
                ulong used = first + ((ulong)random.NextInt64() % (last - first + 1));
                ref ulong entry = ref table.Settle(used, out int shift);
                Assert.Equal(value, entry);
                Assert.Equal(value, table.FindSettled(used));
                ref ulong found = ref table.Find(used, out int foundShift);
                Assert.Equal((value, shift), (found, foundShift));
            }

            ulong anywhere = (ulong)random.NextInt64() >> random.Next(52);
            ulong at = mapped.FirstOrDefault(m => m.First <= anywhere && anywhere <= m.Last).Value;
            ulong settled = table.FindSettled(anywhere);
            Assert.True(settled == at || (settled == 0 && table.HasRuns));
            Assert.Equal(mapped.FirstOrDefault(m => m.First <= anywhere && anywhere <= m.Last).Value,
                table.Find(anywhere));
        }

        foreach ((ulong first, ulong last, _) in mapped) table.Clear(first, last);
        Assert.False(table.HasRuns);
        foreach ((ulong first, ulong last, _) in mapped)
            Assert.Equal((0ul, 0ul), (table.Find(first), table.Find(last)));
        Assert.InRange(table.CountNodes(), 1, MostEmpty);
    }

    [Fact]
    public void AGibibyteCostsAHandfulOfNodesWhateverItsAlignment()
    {
        var table = new IovaTable(12);
        table.Set(0x1000, 0x4000_0fff, 1);
        Assert.InRange(table.CountNodes(), 1, 6);
        Assert.Equal(0ul, table.Find(0xfff));
        Assert.Equal(1ul, table.Find(0x1000));
        Assert.Equal(1ul, table.Find(0x4000_0fff));
        Assert.Equal(0ul, table.Find(0x4000_1000));
    }

    [Fact]
    public void OfALongRunOnlyWhatIsAskedForIsWritten()
    {
        var table = new IovaTable(12);
        table.Set(0x1000, 0x1f_efff, 8); // of one node, all but its first and last entries
        IovaNode node = table.NodeOf(0x1000)!;
        Assert.Equal(new ulong[IovaNode.Entries], ((Span<ulong>)node.Value).ToArray());
        Assert.Equal((8ul, 8ul), (table.Find(0x1000), table.Find(0x1f_efff)));
        Assert.Equal((0ul, 0ul), (table.Find(0), table.Find(0x1f_f000)));
        table.Settle(0x5000, out _) |= 4; // as a use marks it
        Assert.Equal((12ul, 0ul), (table.FindSettled(0x5000), table.FindSettled(0x6000)));
        table.Set(0, 0xfff, 16); // a neighbour
        Assert.Equal(8ul, table.Clear(0x7000, 0x7fff)); // the rest stays
        Assert.Equal((12ul, 8ul), (table.Find(0x5000), table.Find(0x6000)));
        Assert.Equal((0ul, 8ul), (table.Find(0x7000), table.Find(0x8000)));
        Assert.Equal(12ul, table.Clear(0x1000, 0x6fff));
        Assert.Equal(8ul, table.Clear(0x8000, 0x1f_efff));
        Assert.Equal(16ul, table.Clear(0, 0xfff));
        Assert.Equal((0, false), (node.Used, table.HasRuns));
        Assert.Equal(new ulong[IovaNode.Entries], ((Span<ulong>)node.Value).ToArray());
    }

    [Fact]
    public void ReservedEntriesStayUntilTheyAreReleased()
    {
        var table = new IovaTable(12);
        const ulong first = 0x7fff_0000, last = 0x7fff_ffff;
        IovaNode node = table.Reserve(first, last);
        Assert.Equal((0ul, 16), (table.Find(first), node.Used));
        node.Value[0x1f0] = 7; // of the first page
        table.Set(0x7ffe_0000, 0x7ffe_0fff, 1); // a neighbour comes and goes
        table.Clear(0x7ffe_0000, 0x7ffe_0fff);
        for (ulong i = 1; i < 100; i++) // as many empty nodes as push others out
        {
            table.Set(i << 40, (i << 40) + 0xfff, 1);
            table.Clear(i << 40, (i << 40) + 0xfff);
        }

        Assert.Equal(7ul, table.Find(first));
        Assert.Same(node, table.NodeOf(last));
        node.Value[0x1f0] = 0;
        table.Release(node, first, last);
        for (ulong i = 1; i < 100; i++)
        {
            table.Set(i << 40, (i << 40) + 0xfff, 1);
            table.Clear(i << 40, (i << 40) + 0xfff);
        }

        Assert.NotSame(node, table.NodeOf(last));
        Assert.InRange(table.CountNodes(), 1, MostEmpty);
    }

    [Fact]
    public void NodesComeBackHoweverOftenAPageIsMappedElsewhere()
    {
        var table = new IovaTable(12);
        for (ulong i = 1; i < 100_000; i++)
        {
            table.Set(i << 30, (i << 30) + 0xfff, 1);
            table.Clear(i << 30, (i << 30) + 0xfff);
        }

        Assert.InRange(table.CountNodes(), 1, MostEmpty);
    }
}
