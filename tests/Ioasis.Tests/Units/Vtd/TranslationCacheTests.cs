using Ioasis.Memory;
using Ioasis.PageTables.X64;
using Ioasis.Units.Vtd.FirstStage;
using Ioasis.Units.Vtd.Nested;
using static Ioasis.Tests.Units.Vtd.NestedBench;

namespace Ioasis.Tests.Units.Vtd;

/// <summary>What is kept of a first stage, beside a dictionary of all that was.</summary>
public sealed class TranslationCacheTests
{
    private const int Steps = 20_000, Regions = 6;

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(1000)]
    [InlineData(1 << 16)]
    public void WhatIsFoundWasKeptAndNotDropped(int capacity)
    {
        var cache = new TranslationCache(capacity);
        Dictionary<ulong, FirstStageTranslation> all = []; // by page
        var random = new Random(capacity);
        for (int step = 0; step < Steps; step++)
        {
            ulong iova = ((ulong)random.Next(Regions) << 21) + ((ulong)random.Next(512) * Page);
            if (random.Next(100) == 0)
            {
                ulong last = iova + ((ulong)random.Next(1, random.Next(2) == 0 ? 8 : 2048) * Page) - 1;
                cache.Drop(iova, last);
                foreach (ulong page in all.Keys.Where(page => page >= iova && page <= last).ToArray()) all.Remove(page);
                for (ulong page = iova; page < last && page < iova + (8 * Page); page += Page)
                    Assert.False(cache.TryFind(page, out _, out _));
            }
            else if (random.Next(2) == 0)
            {
                all[iova] = Small((ulong)random.Next(1000) * Page, (X64Rights)(random.Next(4) << 1),
                    random.Next(2) == 0);
                cache.Keep(iova, all[iova], cache.Drops);
                Assert.True(cache.TryFind(iova, out _, out _));
            }

            bool isThere = cache.TryFind(iova, out FirstStageTranslation found, out _);
            if (isThere) Assert.Equal(all[iova], found);
            else if (capacity > Regions * 512) Assert.DoesNotContain(iova, all);
        }

        int kept = Enumerable.Range(0, Regions * 512).Count(page => cache.TryFind((ulong)page * Page, out _, out _));
        Assert.InRange(kept, 1, capacity);
    }

    [Fact]
    public void WhatWasFoundBeforeADropIsNotKept()
    {
        var cache = new TranslationCache(16);
        long before = cache.Drops;
        cache.Drop(Page, Page);
        cache.Keep(0, Small(Page, X64Rights.All, false), before);
        cache.Keep(1UL << 30, new FirstStageTranslation(2, new Gpa(0), X64Entry.DirtyBit, (ulong)X64Rights.All),
            before);
        Assert.False(cache.TryFind(0, out _, out _) || cache.TryFind(1UL << 30, out _, out _));
    }

    [Fact]
    public void PagesFarApartDoNotTakeAllMemory()
    {
        const int pages = 5000;
        var cache = new TranslationCache(1 << 16);
        for (ulong i = 0; i < pages; i++) cache.Keep(i << 30, Small(i * Page, X64Rights.All, true), cache.Drops);
        int kept = Enumerable.Range(0, pages).Count(i => cache.TryFind((ulong)i << 30, out _, out _));
        Assert.InRange(kept, 512, 1024); // a table of 4 KiB for each
        Assert.True(cache.TryFind((pages - 1UL) << 30, out FirstStageTranslation last, out _));
        Assert.Equal((pages - 1UL) * Page, last.Gpa.Value);
    }

    [Fact]
    public void ADropOfOnePageEndsTheLargeOneAroundIt()
    {
        var cache = new TranslationCache(16);
        cache.Keep(0x20_0000, new FirstStageTranslation(2, new Gpa(0x40_0000), X64Entry.DirtyBit, (ulong)X64Rights.All),
            cache.Drops);
        Assert.True(cache.TryFind(0x20_0000 + (5 * Page), out FirstStageTranslation found, out _) && found.Level == 2);
        cache.Drop(0x20_0000 + (6 * Page), 0x20_0000 + (7 * Page) - 1);
        Assert.False(cache.TryFind(0x20_0000 + (5 * Page), out _, out _));
    }

    private static FirstStageTranslation Small(ulong gpa, X64Rights rights, bool dirty) =>
        new(1, new Gpa(gpa), dirty ? X64Entry.DirtyBit : 0, (ulong)rights);
}
