using Ioasis.Core;
using Ioasis.Core.DmaApi;
using Ioasis.Memory;

namespace Ioasis.Conformance.DmaApi;

/// <summary>Lists of pieces: which become one segment, and which may not.</summary>
public sealed class ScatterTests : DmaRuleTest
{
    [Theory]
    [MemberData(nameof(Homes))]
    public void Pieces_that_meet_at_pages_become_one_segment(string name)
    {
        using DmaHome home = Open(name);
        bool merges = home.Translates && !home.Bounces;
        Assert.Equal(merges ? Page - 1 : 0, home.Dma.MergeBoundary);
        using DmaMemory memory = Fill(home, 48);
        DmaPiece[] pieces =
        [
            new(memory, 0x800, Page - 0x800), new(memory, 10 * Page, Page), new(memory, 3 * Page, 2 * Page),
            new(memory, (30 * Page) + 4, 8), new(memory, (31 * Page) + 4, Page - 4), new(memory, 40 * Page, 8),
        ];
        DmaScatterMapping list = Map(home, pieces, DmaDirection.ToDevice);
        Assert.Equal(
            merges ? [(3 * Page) + 0x800, 8, Page + 4] : [.. pieces.Select(p => p.Length)],
            list.Segments.Select(s => s.Length));
        Assert.Equal(pieces.SelectMany(Contents), list.Segments.SelectMany(s => Seen(home, s)));
        Assert.Equal(DmaDirection.ToDevice, list.Direction);
        Assert.Equal(merges ? 1 : 1 + pieces.Length, home.Dma.Live);
        Iova[] starts = [.. list.Segments.Select(s => s.Address)];
        list.Dispose();
        Assert.All(starts, at => IsGone(home, at));
        Assert.Equal(0, home.Dma.Live);
    }

    [Theory]
    [MemberData(nameof(Homes))]
    public void No_segment_is_longer_than_the_device_can_take(string name)
    {
        using DmaHome home = Open(name);
        home.Dma.MaxSegmentSize = (uint)(4 * Page);
        using DmaMemory memory = Fill(home, 16);
        DmaPiece[] pieces = [.. Enumerable.Range(0, 9).Select(i => new DmaPiece(memory, (ulong)i * Page, Page))];
        DmaScatterMapping list = Map(home, pieces, DmaDirection.ToDevice);
        Assert.All(list.Segments, s => Assert.InRange(s.Length, Page, 4 * Page));
        Assert.Equal(home.Translates && !home.Bounces ? 3 : 9, list.Segments.Count);
        Assert.Equal(pieces.SelectMany(Contents), list.Segments.SelectMany(s => Seen(home, s)));
        list.Dispose();
        Assert.Equal(IommuStatus.Invalid, home.Dma.MapScatter(
            [new(memory, 0, Page), new(memory, 0, (4 * Page) + 1)], DmaDirection.ToDevice, out _));
        Assert.Equal(0, home.Dma.Live);
    }

    [Theory]
    [MemberData(nameof(Homes))]
    public void No_segment_crosses_the_boundary(string name)
    {
        using DmaHome home = Open(name);
        const ulong boundary = 4 * Page;
        home.Dma.SegmentBoundary = boundary - 1;
        using DmaMemory memory = Fill(home, 16);
        DmaPiece[] pieces =
            [new(memory, 0, 3 * Page), new(memory, 4 * Page, 2 * Page), new(memory, 8 * Page, 2 * Page)];
        DmaScatterMapping list = Map(home, pieces, DmaDirection.ToDevice);
        if (home.Translates && !home.Bounces)
        {
            // Within one allocation, with a page of padding before the second piece.
            Assert.All(list.Segments, s => Assert.Equal(
                s.Address.Value / boundary, (s.Address.Value + s.Length - 1) / boundary));
            Assert.Equal([3 * Page, 4 * Page], list.Segments.Select(s => s.Length));
            Assert.Equal(list.Segments[0].Address.Value + boundary, list.Segments[1].Address.Value);
        }

        Assert.Equal(pieces.SelectMany(Contents), list.Segments.SelectMany(s => Seen(home, s)));
        list.Dispose();
    }

    [Theory]
    [MemberData(nameof(Translating))]
    public void A_list_has_one_allocation_and_all_or_nothing_of_it(string name)
    {
        using DmaHome home = Open(name);
        using DmaMemory memory = Fill(home, 8);
        DmaPiece[] pieces = [new(memory, 8, 16), new(memory, Page + 8, 16), new(memory, 5 * Page, Page)];
        Assert.Equal(IommuStatus.Ok, home.Dma.SetMask(14)); // three pages and page 0
        Assert.Equal(IommuStatus.NoSpace, home.Dma.MapScatter(
            [.. pieces, new(memory, 0, 1)], DmaDirection.ToDevice, out DmaScatterMapping? list));
        Assert.Null(list);
        Assert.Equal(0, home.Dma.Live);
        Assert.Equal(IommuStatus.Ok, home.Dma.SetMask(20));
        list = Map(home, pieces, DmaDirection.ToDevice); // all of the addresses are free again
        if (!home.Bounces)
        {
            ulong first = list.Segments[0].Address.Value - 8;
            Assert.Equal([first + 8, first + Page + 8, first + (2 * Page)],
                list.Segments.Select(s => s.Address.Value));
        }

        list.Dispose();
    }

    [Theory]
    [MemberData(nameof(Homes))]
    public void The_device_writes_a_list_and_the_driver_sees_it_after_a_sync(string name)
    {
        using DmaHome home = Open(name);
        using DmaMemory memory = Fill(home, 4);
        DmaScatterMapping list = Map(
            home, [new(memory, 16, 32), new(memory, (2 * Page) + 8, 32)], DmaDirection.Bidirectional);
        byte[][] written = [Pattern(32, 1), Pattern(32, 2)];
        Assert.Equal(2, list.Segments.Count);
        for (int i = 0; i < 2; i++) Assert.True(home.Write(list.Segments[i].Address, written[i]));
        list.SyncForCpu();
        Assert.Equal(written[0], Bytes(memory, 16, 32));
        Assert.Equal(written[1], Bytes(memory, (2 * Page) + 8, 32));
        memory.Bytes.CopyFrom(16, written[1]);
        list.SyncForDevice();
        Assert.Equal(written[1], home.Read(list.Segments[0].Address, 32));
        Assert.True(home.Write(list.Segments[1].Address, written[0]));
        list.Dispose();
        Assert.Equal(written[0], Bytes(memory, (2 * Page) + 8, 32));
    }

    [Theory]
    [MemberData(nameof(Translating))]
    public void The_direction_holds_for_each_piece(string name)
    {
        using DmaHome home = Open(name);
        using DmaMemory memory = Fill(home, 4);
        foreach (DmaDirection direction in Enum.GetValues<DmaDirection>())
        {
            DmaScatterMapping list = Map(home, [new(memory, 16, 32), new(memory, (2 * Page) + 8, 32)], direction);
            foreach (DmaSegment segment in list.Segments)
            {
                Assert.Equal(direction is DmaDirection.Bidirectional or DmaDirection.ToDevice,
                    home.Read(segment.Address, 32) is not null);
                Assert.Equal(direction is DmaDirection.Bidirectional or DmaDirection.FromDevice,
                    home.Write(segment.Address, 1));
            }

            list.Dispose();
        }
    }

    [Theory]
    [MemberData(nameof(Homes))]
    public void An_empty_list_an_empty_piece_and_a_second_unmap_are_mistakes(string name)
    {
        using DmaHome home = Open(name);
        using DmaMemory memory = Fill(home, 1);
        Assert.Throws<ArgumentException>(() => home.Dma.MapScatter([], DmaDirection.ToDevice, out _));
        Assert.Throws<ArgumentOutOfRangeException>(() => home.Dma.MapScatter(
            [new(memory, 0, 8), new(memory, 8, 0)], DmaDirection.ToDevice, out _));
        Assert.Throws<ArgumentOutOfRangeException>(() => home.Dma.MapScatter(
            [new(memory, 8, Page)], DmaDirection.ToDevice, out _));
        Assert.Throws<ArgumentNullException>(() => home.Dma.MapScatter(
            [new(null!, 0, 8)], DmaDirection.ToDevice, out _));
        Assert.Equal(0, home.Dma.Live);
        DmaScatterMapping list = Map(home, [new(memory, 0, 8)], DmaDirection.ToDevice);
        list.Dispose();
        Assert.Throws<InvalidOperationException>(list.Dispose);
    }

    /// <summary>Memory in which each word says where it is.</summary>
    private static DmaMemory Fill(DmaHome home, int pages)
    {
        DmaMemory memory = Allocate(home, (ulong)pages * Page);
        for (ulong at = 0; at < memory.Length; at += 8) memory.Bytes.Write(at, at * 0x0101);
        return memory;
    }

    private static DmaScatterMapping Map(DmaHome home, DmaPiece[] pieces, DmaDirection direction)
    {
        Assert.Equal(IommuStatus.Ok, home.Dma.MapScatter(pieces, direction, out DmaScatterMapping? list));
        return list!;
    }

    private static byte[] Contents(DmaPiece piece) => Bytes(piece.Memory, piece.Offset, (int)piece.Length);

    private static IEnumerable<byte> Seen(DmaHome home, DmaSegment segment)
    {
        for (ulong done = 0; done < segment.Length; done += Page)
        {
            byte[]? bytes = home.Read(segment.Address + done, (int)Math.Min(Page, segment.Length - done));
            Assert.NotNull(bytes);
            foreach (byte one in bytes) yield return one;
        }
    }
}
