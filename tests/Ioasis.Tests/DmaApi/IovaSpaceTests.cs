using Ioasis.Core.DmaApi;
using Ioasis.Memory;

namespace Ioasis.Tests.DmaApi;

/// <summary>The allocator of I/O addresses.</summary>
public sealed class IovaSpaceTests
{
    private const ulong Page = 4096, Limit32 = uint.MaxValue, All = ulong.MaxValue;

    private static IovaSpace NewSpace(int bits = 48) => new(Page, new IovaRange(0, (1UL << bits) - 1));

    [Fact]
    public void AddressesComeFromTheTopOfWhatTheLimitAllows()
    {
        IovaSpace space = NewSpace();
        Assert.True(space.TryAllocate(Page, Limit32, out ulong first));
        Assert.Equal(0xfffff000u, first);
        Assert.True(space.TryAllocate(Page, Limit32, out ulong second));
        Assert.Equal(0xffffe000u, second);
        Assert.True(space.TryAllocate(Page, All, out ulong high));
        Assert.Equal(0xfffffffff000u, high);
        Assert.True(space.TryAllocate(Page, 0xffffff, out ulong low));
        Assert.Equal(0xfff000u, low);
    }

    [Fact]
    public void AnAllocationIsAlignedToItsSizeAndEndsWithIt()
    {
        IovaSpace space = NewSpace();
        Assert.True(space.TryAllocate(33 * Page, Limit32, out ulong odd));
        Assert.Equal(0u, odd & ((64 * Page) - 1));
        Assert.True(space.TryAllocate(16 * Page, Limit32, out ulong above)); // in the rest of the 64
        Assert.InRange(above, odd + (33 * Page), odd + (63 * Page));
        space.Free(odd, 33 * Page);
        space.Free(above, 16 * Page);
        Assert.True(space.TryAllocate(64 * Page, Limit32, out ulong again));
        Assert.Equal(odd - (64 * Page), again); // 16 pages are kept for the next allocation of their size
    }

    [Fact]
    public void WhatWasFreedLastIsGivenFirst()
    {
        IovaSpace space = NewSpace();
        ulong[] all = [.. Enumerable.Range(0, 10).Select(_ => space.TryAllocate(Page, All, out ulong at) ? at : 0)];
        foreach (ulong at in all) space.Free(at, Page);
        Assert.True(space.TryAllocate(Page, All, out ulong again));
        Assert.Equal(all[^1], again);
    }

    [Fact]
    public void WhatIsReservedIsNotGivenOut()
    {
        IovaSpace space = NewSpace(32);
        space.Reserve(new IovaRange(0xfee00000, 0xfeefffff));
        space.Reserve(new IovaRange(0, 0xfedfffff));
        space.Reserve(new IovaRange(0xff000000, Limit32));
        HashSet<ulong> found = [];
        while (space.TryAllocate(Page, Limit32, out ulong at)) Assert.True(found.Add(at));
        Assert.Equal(256, found.Count); // 0xfef00000 to 0xfeffffff
        Assert.All(found, at => Assert.InRange(at, 0xfef00000u, 0xfefff000u));
    }

    [Fact]
    public void AFullSpaceGivesAgainWhatComesBack()
    {
        IovaSpace space = NewSpace(24); // 4096 pages, the first reserved
        List<ulong> all = [];
        while (space.TryAllocate(Page, All, out ulong at)) all.Add(at);
        Assert.Equal(4095, all.Count);
        Assert.False(space.TryAllocate(2 * Page, All, out _));
        foreach (ulong at in all) space.Free(at, Page);
        Assert.True(space.TryAllocate(1 << 23, All, out ulong half)); // also out of the caches
        Assert.Equal(1u << 23, half);
    }

    [Fact]
    public void MoreThanAWindowCanBeHad()
    {
        IovaSpace space = NewSpace();
        ulong before = space.TakenBytes;
        Assert.True(space.TryAllocate(5UL << 30, All, out ulong large));
        Assert.Equal(0u, large & ((8UL << 30) - 1));
        Assert.True(space.TryAllocate(Page, large + (6UL << 30) - 1, out ulong within));
        Assert.InRange(within, large + (5UL << 30), large + (6UL << 30) - Page);
        space.Free(within, Page);
        space.Free(large, 5UL << 30);
        Assert.Equal(before + Page, space.TakenBytes); // the page is in a cache
    }

    /// <summary>Random allocations never overlap, obey limits, and all come back.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void ItIsAsAPlainSetOfPages(int seed)
    {
        var random = new Random(seed);
        IovaSpace space = NewSpace(36);
        ulong before = space.TakenBytes;
        var taken = new Dictionary<ulong, ulong>(); // pages to the first of their allocation
        List<(ulong First, ulong Length)> live = [];
        for (int step = 0; step < 20_000; step++)
        {
            if (live.Count > 0 && random.Next(5) < 2)
            {
                int which = random.Next(live.Count);
                (ulong first, ulong length) = live[which];
                live[which] = live[^1];
                live.RemoveAt(live.Count - 1);
                for (ulong at = first; at < first + length; at += Page) Assert.True(taken.Remove(at));
                space.Free(first, length);
                continue;
            }

            ulong pages = 1 + (ulong)random.Next(random.Next(4) == 0 ? 100 : 4), bytes = pages * Page;
            ulong limit = random.Next(3) switch { 0 => Limit32, 1 => (1UL << 30) - 1, _ => All };
            Assert.True(space.TryAllocate(bytes, limit, out ulong iova));
            Assert.InRange(iova + bytes - 1, Page, Math.Min(limit, (1UL << 36) - 1));
            Assert.Equal(0u, iova & ((System.Numerics.BitOperations.RoundUpToPowerOf2(pages) * Page) - 1));
            for (ulong at = iova; at < iova + bytes; at += Page) Assert.True(taken.TryAdd(at, iova));
            live.Add((iova, bytes));
        }

        foreach ((ulong first, ulong length) in live) space.Free(first, length);
        Assert.True(space.TryAllocate(1UL << 35, All, out _)); // half of it: nothing is lost
        Assert.True(space.TakenBytes >= before + (1UL << 35));
    }
}
