using System.Numerics;
using Ioasis.Core;
using Ioasis.Core.Iovas;
using Ioasis.Memory;

namespace Ioasis.Tests.Core;

/// <summary>Addresses for mappings: what is free, what is reserved, and which is chosen.</summary>
public sealed class IovaTests
{
    private const ulong Page = IovaAllocator.HostPageSize, End = 64 * Page;

    [Fact]
    public void RefusalsAreTold()
    {
        Assert.Equal(IommuStatus.Overflow, Allocate(0, 0, 1, [], [], out _));
        Assert.Equal(IommuStatus.Overflow, Allocate(0, ulong.MaxValue / 2, 1, [], [], out _));
        Assert.Equal(IommuStatus.Invalid, Allocate(0x1800, Page, Page, [], [], out _)); // the memory is half a page off
        Assert.Equal(IommuStatus.NoSpace, Allocate(0, Page, 1, [], [IovaRange.All], out _));
        Assert.Equal(IommuStatus.NoSpace, Allocate(0, 2 * Page, 1, [new IovaRange(Page, (2 * Page) - 1)], [], out _));
        Assert.Equal(IommuStatus.NoSpace, Allocate(0, Page, 1, [new IovaRange(0, Page - 1)], [], out _)); // never 0
    }

    [Fact]
    public void TheLowestThatFitsIsChosen()
    {
        var random = new Random(1);
        for (int round = 0; round < 3000; round++)
        {
            IovaRange[] used = [.. Enumerable.Range(0, random.Next(6)).Select(_ => Any(random))];
            IovaRange[] allowed = [.. IovaSpans.Merge(Enumerable.Range(0, 3).Where(_ => random.Next(2) == 0)
                .Select(part => new IovaRange((ulong)part * 20 * Page, (((ulong)part * 20) + 15) * Page - 1)))];
            if (allowed.Length == 0) allowed = [new IovaRange(0, End - 1)];
            ulong hint = (ulong)random.Next(1, 64) * 512, length = (ulong)random.Next(1, 8) * 1024;
            ulong wanted = Math.Min(
                BitOperations.RoundUpToPowerOf2(length), 1UL << BitOperations.TrailingZeroCount(hint));
            ulong? expected = null;
            for (ulong at = Page; at < End && expected is null; at += Page)
            {
                ulong start = at | (hint % Page);
                var range = new IovaRange(start, start + length - 1);
                if (at % wanted == 0 && !Array.Exists(used, range.Overlaps)
                    && Array.Exists(allowed, a => a.First <= range.First && range.Last <= a.Last)) expected = start;
            }

            IommuStatus status = Allocate(hint, length, 1, allowed, used, out ulong iova);
            Assert.Equal(expected is null ? IommuStatus.NoSpace : IommuStatus.Ok, status);
            if (expected is { } there) Assert.Equal(there, iova);
        }

        static IovaRange Any(Random random)
        {
            ulong first = (ulong)random.Next(60) * Page;
            return new IovaRange(first, first + ((ulong)random.Next(1, 12) * Page) - 1);
        }
    }

    [Fact]
    public void WhatIsReservedIsTheOwnersToGiveBack()
    {
        var reserved = new ReservedIovas();
        object one = new(), two = new();
        reserved.Add(new IovaRange(0x3000, 0x4fff), one);
        reserved.Add(new IovaRange(0x1000, 0x1fff), two);
        reserved.Add(new IovaRange(0x4000, 0x5fff), two);
        Assert.Equal(
            [new IovaRange(0, 0xfff), new IovaRange(0x2000, 0x2fff), new IovaRange(0x6000, 0xffff)],
            reserved.Holes(new IovaRange(0, 0xffff)));
        Assert.Equal(new IovaRange(0x3000, 0x4fff), reserved.FindFirst(0x2000, 0x3000));
        Assert.Null(reserved.FindFirst(0x2000, 0x2fff));
        reserved.RemoveOwner(two);
        Assert.False(reserved.Overlaps(new IovaRange(0x5000, 0x5fff)));
        Assert.True(reserved.Overlaps(new IovaRange(0x4fff, 0x5fff)));
    }

    [Fact]
    public void TheAddressesOutsideOfARangeAreAtMostTwoRanges()
    {
        Assert.Empty(IovaSpans.Outside(IovaRange.All));
        Assert.Equal([new IovaRange(0x1000, ulong.MaxValue)], IovaSpans.Outside(new IovaRange(0, 0xfff)));
        Assert.Equal([new IovaRange(0, 0xfff), new IovaRange(0x2000, ulong.MaxValue)],
            IovaSpans.Outside(new IovaRange(0x1000, 0x1fff)));
        Assert.Equal([new IovaRange(0, 0x2fff), new IovaRange(0x4000, 0x4fff)], IovaSpans.Merge(
            [new IovaRange(0, 0xfff), new IovaRange(0x1000, 0x2fff), new IovaRange(0x4000, 0x4fff)]));
    }

    private static IommuStatus Allocate(
        ulong hint, ulong length, ulong alignment, IReadOnlyList<IovaRange> allowed, IovaRange[] used,
        out ulong iova) =>
        IovaAllocator.Allocate(hint, length, alignment, allowed,
            (first, last) => used.Where(u => u.Last >= first && u.First <= last).OrderBy(u => u.First)
                .Select(u => (IovaRange?)u).FirstOrDefault(), out iova);
}
