using System.Numerics;
using Ioasis.Core;
using Ioasis.Core.DmaApi;
using Ioasis.Memory;

namespace Ioasis.Conformance.DmaApi;

/// <summary>Which addresses a device gets, and what becomes of a mapping for which none is left.</summary>
public sealed class MaskTests : DmaRuleTest
{
    // A size that no processor keeps freed addresses of.
    private const ulong Uncached = 33 * Page;

    [Theory]
    [MemberData(nameof(Homes))]
    public void A_device_has_32_bits_and_segments_of_64_KiB_until_its_driver_says_otherwise(string name)
    {
        using DmaHome home = OpenAsIs(name);
        Assert.Equal((uint.MaxValue, uint.MaxValue), (home.Dma.Mask, home.Dma.CoherentMask));
        Assert.Equal((64u * 1024, uint.MaxValue, 0UL),
            (home.Dma.MaxSegmentSize, home.Dma.SegmentBoundary, home.Dma.MinAlignMask));
        Assert.Equal(0, home.Dma.Live);
    }

    [Theory]
    [MemberData(nameof(Homes))]
    public void Every_mask_is_taken_where_addresses_are_translated(string name)
    {
        using DmaHome home = OpenAsIs(name);
        foreach (int bits in (int[])[1, 12, 31, 46, 48, 63, 64])
        {
            (ulong mask, ulong coherent) = (home.Dma.Mask, home.Dma.CoherentMask);
            ulong wanted = bits == 64 ? ulong.MaxValue : (1UL << bits) - 1;
            // Elsewhere the device must reach all memory.
            IommuStatus expected = home.Translates || bits >= 47 ? IommuStatus.Ok : IommuStatus.DeviceError;
            Assert.Equal(expected, home.Dma.SetMask(bits));
            Assert.Equal(expected == IommuStatus.Ok ? wanted : mask, home.Dma.Mask);
            Assert.Equal(coherent, home.Dma.CoherentMask);
            Assert.Equal(expected, home.Dma.SetCoherentMask(bits));
            Assert.Equal(expected == IommuStatus.Ok ? wanted : coherent, home.Dma.CoherentMask);
        }
    }

    [Theory]
    [MemberData(nameof(Homes))]
    public void A_mask_has_1_to_64_bits(string name)
    {
        using DmaHome home = OpenAsIs(name);
        foreach (int bits in (int[])[-1, 0, 65])
        {
            Assert.Throws<ArgumentOutOfRangeException>(() => home.Dma.SetMask(bits));
            Assert.Throws<ArgumentOutOfRangeException>(() => home.Dma.SetCoherentMask(bits));
            Assert.Throws<ArgumentOutOfRangeException>(() => home.Dma.SetMaskAndCoherent(bits));
        }

        Assert.Equal((uint.MaxValue, uint.MaxValue), (home.Dma.Mask, home.Dma.CoherentMask));
    }

    [Theory]
    [MemberData(nameof(Translating))]
    public void Each_mask_bounds_its_own_kind_of_memory(string name)
    {
        using DmaHome home = OpenAsIs(name);
        Assert.Equal(IommuStatus.Ok, home.Dma.SetMask(20));
        Assert.Equal(IommuStatus.Ok, home.Dma.SetCoherentMask(30));
        using DmaMemory memory = Allocate(home, 3 * Page);
        DmaMapping mapping = Map(home, memory, 0, 3 * Page, DmaDirection.ToDevice);
        Assert.InRange(mapping.Address.Value + (3 * Page) - 1, Page, (1UL << 20) - 1);
        Assert.Equal(IommuStatus.Ok, home.Dma.AllocateCoherent(Uncached, out DmaBuffer? buffer));
        Assert.InRange(buffer!.Address.Value + Uncached - 1, 1UL << 20, (1UL << 30) - 1); // from the top
        Assert.NotNull(home.Read(mapping.Address, 16));
        Assert.NotNull(home.Read(buffer.Address, 16));
        buffer.Dispose();
        mapping.Dispose();
    }

    [Theory]
    [MemberData(nameof(Translating))]
    public void Addresses_lie_below_4_GiB_while_there_is_room(string name)
    {
        using (DmaHome home = Open(name))
        {
            Assert.Equal(IommuStatus.Ok, home.Dma.AllocateCoherent(Uncached, out DmaBuffer? buffer));
            Assert.InRange(buffer!.Address.Value, Page, uint.MaxValue);
            buffer.Dispose();
        }

        using (DmaHome home = Open(name, new DmaDeviceOptions { Uses64BitsAtOnce = true }))
        {
            Assert.Equal(IommuStatus.Ok, home.Dma.AllocateCoherent(Uncached, out DmaBuffer? buffer));
            Assert.InRange(buffer!.Address.Value, 1UL + uint.MaxValue, home.Dma.Space.Iovas!.Last);
            Assert.NotNull(home.Read(buffer.Address, 1));
            buffer.Dispose();
        }
    }

    [Theory]
    [MemberData(nameof(Homes))]
    public void Memory_that_the_mask_does_not_reach_is_NoSpace_and_has_no_address(string name)
    {
        using DmaHome home = OpenAsIs(name);
        // Below 12 bits there is page 0 alone. Where addresses are the memory's own, 32 bits are too few.
        if (home.Translates) Assert.Equal(IommuStatus.Ok, home.Dma.SetMaskAndCoherent(12));
        using DmaMemory memory = Allocate(home, Page);
        if (!home.Translates && (ulong)memory.Bytes.Address <= uint.MaxValue) Assert.Skip("The memory lies low.");
        Assert.Equal(IommuStatus.NoSpace, home.Dma.Map(memory, DmaDirection.ToDevice, out DmaMapping mapping));
        Assert.Throws<InvalidOperationException>(() => mapping.Address);
        Assert.Throws<InvalidOperationException>(() => mapping.Device);
        Assert.Throws<InvalidOperationException>(mapping.SyncForCpu);
        Assert.Throws<InvalidOperationException>(mapping.Dispose);
        Assert.Equal(IommuStatus.NoSpace,
            home.Dma.Map(new byte[1].AsMemory(), DmaDirection.Bidirectional, out DmaMapping _));
        Assert.Equal(IommuStatus.NoSpace, home.Dma.MapScatter(
            [new(memory, 0, 8)], DmaDirection.ToDevice, out DmaScatterMapping? list));
        Assert.Equal(IommuStatus.NoSpace, home.Dma.AllocateCoherent(1, out DmaBuffer? buffer));
        Assert.Null(list);
        Assert.Null(buffer);
        if (home.Translates && !home.Bounces) Assert.Equal(IommuStatus.NoSpace, home.Dma.AllocateIova(1, out _));
        DmaPool pool = home.Dma.CreatePool(8, 8);
        Assert.Equal(IommuStatus.NoSpace, pool.Allocate(out _));
        pool.Dispose();
        Assert.Equal(0, home.Dma.Live);
    }

    [Theory]
    [MemberData(nameof(Translating))]
    public void Exhaustion_lasts_until_something_is_given_back(string name)
    {
        using DmaHome home = OpenAsIs(name);
        Assert.Equal(IommuStatus.Ok, home.Dma.SetMask(14)); // three pages and page 0
        using DmaMemory memory = Allocate(home, Page);
        List<DmaMapping> taken = [];
        for (int i = 0; i < 3; i++) taken.Add(Map(home, memory, 0, Page, DmaDirection.ToDevice));
        Assert.Equal([Page, 2 * Page, 3 * Page], taken.Select(m => m.Address.Value).Order());
        Assert.Equal(IommuStatus.NoSpace, home.Dma.Map(memory, DmaDirection.ToDevice, out _));
        Iova freed = taken[1].Address;
        taken[1].Dispose();
        home.Dma.Space.Flush(); // a lazy space gives addresses back with its flush
        taken[1] = Map(home, memory, 0, Page, DmaDirection.ToDevice);
        Assert.Equal(freed, taken[1].Address);
        taken.ForEach(mapping => mapping.Dispose());
    }

    [Theory]
    [MemberData(nameof(Translating))]
    public async Task A_call_that_may_wait_gets_what_another_one_gives_back(string name)
    {
        CancellationToken token = TestContext.Current.CancellationToken;
        using DmaHome home = OpenAsIs(name);
        Assert.Equal(IommuStatus.Ok, home.Dma.SetMaskAndCoherent(13)); // one page and page 0
        using DmaMemory memory = Allocate(home, Page);
        memory.Bytes.Write(8, 0x0123456789abcdefUL);
        DmaMapping first = Map(home, memory, 0, Page, DmaDirection.ToDevice);
        using var stop = new CancellationTokenSource();
        Task<(IommuStatus, DmaBuffer?)> cancelled = home.Dma.AllocateCoherentAsync(1, stop.Token).AsTask();
        Task<(IommuStatus, DmaMapping)> waiting =
            home.Dma.MapAsync(memory, 8, 8, DmaDirection.ToDevice, token: token).AsTask();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);
        Assert.False(waiting.IsCompleted);
        first.Dispose();
        (IommuStatus status, DmaMapping mapping) = await waiting.WaitAsync(Patience, token);
        Assert.Equal(IommuStatus.Ok, status);
        Assert.Equal(0x0123456789abcdefUL, BitConverter.ToUInt64(home.Read(mapping.Address, 8)!));
        mapping.Dispose();
        Assert.Equal(0, home.Dma.Live);
    }

    /// <summary>All addresses that there are below a mask, in allocations of several sizes.</summary>
    [Theory]
    [MemberData(nameof(Translating))]
    public void Allocations_are_aligned_to_their_size_and_never_overlap_nor_have_page_0(string name)
    {
        using DmaHome home = OpenAsIs(name);
        Assert.Equal(IommuStatus.Ok, home.Dma.SetCoherentMask(19));
        List<DmaBuffer> buffers = [];
        foreach (ulong pages in (ulong[])[40, 16, 9, 3, 1])
        {
            while (home.Dma.AllocateCoherent(pages * Page, out DmaBuffer? buffer) == IommuStatus.Ok)
            {
                buffers.Add(buffer!);
                Assert.Equal(0UL, buffer!.Address.Value & ((BitOperations.RoundUpToPowerOf2(pages) * Page) - 1));
            }
        }

        IovaRange[] ranges = [.. buffers.Select(b => new IovaRange(b.Address.Value, b.Address.Value + b.Length - 1))
            .OrderBy(range => range.First)];
        Assert.InRange(ranges[0].First, Page, Page); // the first that there is
        Assert.InRange(ranges[^1].Last, Page, (1UL << 19) - 1);
        for (int i = 1; i < ranges.Length; i++) Assert.InRange(ranges[i].First, ranges[i - 1].Last + 1, ulong.MaxValue);
        buffers.ForEach(buffer => buffer.Dispose());
    }
}
