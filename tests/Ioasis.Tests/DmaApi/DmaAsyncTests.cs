using Ioasis.Core;
using Ioasis.Core.DmaApi;
using Ioasis.Memory;

namespace Ioasis.Tests.DmaApi;

/// <summary>Calls of the DMA API that wait for addresses: of a device with addresses for three pages.</summary>
public sealed class DmaAsyncTests
{
    private const ulong Page = 4096;
    private const int Bits = 14;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task ACallThatFindsRoomIsDoneAtOnceAndAllocatesNothing()
    {
        using DmaDeviceBench bench = NewBench();
        using DmaMemory memory = bench.Domain.AllocateMemory(Page);
        Allocation.None(() =>
        {
            ValueTask<(IommuStatus Status, DmaMapping Mapping)> mapped =
                bench.Device.MapAsync(memory, 0, Page, DmaDirection.ToDevice, token: Token);
            Assert.True(mapped.IsCompletedSuccessfully);
            mapped.Result.Mapping.Dispose();
        });
        Assert.True(bench.Domain.FlushAsync(Token).IsCompletedSuccessfully); // strict: there is nothing to flush
        (IommuStatus status, DmaMapping mapping) =
            await bench.Device.MapAsync(new byte[8].AsMemory(), DmaDirection.ToDevice, token: Token);
        Assert.Equal(IommuStatus.Ok, status);
        mapping.Dispose();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AMappingWaitsUntilAnotherOneIsUnmapped(bool byAnotherDevice)
    {
        using DmaDeviceBench bench = NewBench();
        using var neighbour = new DmaDevice(bench.Domain, "neighbour");
        Assert.Equal(IommuStatus.Ok, neighbour.SetMask(Bits));
        List<DmaMapping> taken = TakeAll(byAnotherDevice ? neighbour : bench.Device);
        using DmaMemory memory = bench.Domain.AllocateMemory(Page);
        memory.Bytes.Write(0x100, 0x030201);
        ValueTask<(IommuStatus, DmaMapping)> waiting =
            bench.Device.MapAsync(memory, 0x100, 3, DmaDirection.ToDevice, token: Token);
        Assert.False(waiting.IsCompleted);
        ulong freed = taken[1].Address.Value;
        taken[1].Dispose();
        (IommuStatus status, DmaMapping mapping) = await waiting.AsTask().WaitAsync(s_patience, Token);
        Assert.Equal(IommuStatus.Ok, status);
        Assert.Equal(freed + 0x100, mapping.Address.Value);
        Assert.Equal([1, 2, 3], bench.Read(mapping.Address, 3)!);
        mapping.Dispose();
        taken[0].Dispose();
        taken[2].Dispose();
    }

    [Fact]
    public async Task ListsCoherentMemoryAndAddressesWaitToo()
    {
        using DmaDeviceBench bench = NewBench();
        using DmaMemory memory = bench.Domain.AllocateMemory(3 * Page);
        List<DmaMapping> taken = TakeAll(bench.Device);
        DmaPiece[] pieces = [new(memory, 0, Page), new(memory, 2 * Page, 8)];
        Task<(IommuStatus Status, DmaScatterMapping? Mapping)> list =
            bench.Device.MapScatterAsync(pieces, DmaDirection.ToDevice, Token).AsTask();
        taken[0].Dispose(); // one page is no room for the list
        Assert.Equal(IommuStatus.NoSpace, bench.Device.MapScatter(pieces, DmaDirection.ToDevice, out _));
        Assert.False(list.IsCompleted);
        taken[1].Dispose();
        taken[2].Dispose();
        DmaScatterMapping mapped = (await list.WaitAsync(s_patience, Token)).Mapping!;
        Assert.Equal([Page + 8], mapped.Segments.Select(s => s.Length));

        taken = [Take(bench.Device)];
        Task<(IommuStatus Status, DmaBuffer? Buffer)> coherent =
            bench.Device.AllocateCoherentAsync(2 * Page, Token).AsTask();
        Assert.False(coherent.IsCompleted);
        mapped.Dispose();
        DmaBuffer buffer = (await coherent.WaitAsync(s_patience, Token)).Buffer!;
        Assert.Equal(new byte[8], bench.Read(buffer.Address, 8));

        Task<(IommuStatus Status, DmaIovaRange? Range)> range =
            bench.Device.AllocateIovaAsync(2 * Page, Token).AsTask();
        Assert.False(range.IsCompleted);
        Iova at = buffer.Address;
        buffer.Dispose();
        DmaIovaRange addresses = (await range.WaitAsync(s_patience, Token)).Range!;
        Assert.Equal(at, addresses.Address);
        addresses.Dispose();
        taken[0].Dispose();
    }

    [Fact]
    public async Task APoolWaitsForABlockThatIsGivenBack()
    {
        using DmaDeviceBench bench = NewBench();
        DmaPool pool = bench.Device.CreatePool(2048, 2048);
        List<DmaPoolBlock> blocks = [];
        for (; pool.Allocate(out DmaPoolBlock block) == IommuStatus.Ok; blocks.Add(block)) ;
        Assert.Equal(6, blocks.Count);
        Task<(IommuStatus Status, DmaPoolBlock Block)> waiting = pool.AllocateAsync(Token).AsTask();
        Assert.False(waiting.IsCompleted);
        pool.Free(blocks[4]);
        Assert.Equal(blocks[4].Address, (await waiting.WaitAsync(s_patience, Token)).Block.Address);
        foreach (DmaPoolBlock block in blocks) pool.Free(block);

        // Its pages serve others once it is disposed.
        waiting = bench.Device.CreatePool(8, 8).AllocateAsync(Token).AsTask();
        pool.Dispose();
        Assert.Equal(IommuStatus.Ok, (await waiting.WaitAsync(s_patience, Token)).Status);
        bench.Device.SetCoherentMask(12);
        DmaPool empty = bench.Device.CreatePool(8, 8);
        Assert.Equal(IommuStatus.NoSpace, (await empty.AllocateAsync(Token)).Status); // page 0 is never given out
        empty.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await empty.AllocateAsync(Token));
        Assert.Throws<InvalidOperationException>(bench.Device.Dispose); // the second pool's page
    }

    [Fact]
    public async Task ALazySpaceGivesAddressesBackWithItsFlush()
    {
        using DmaDeviceBench bench = NewBench(lazy: true);
        List<DmaMapping> taken = TakeAll(bench.Device);
        Iova at = taken[0].Address;
        Assert.True(bench.Write(at, 1));
        foreach (DmaMapping mapping in taken) mapping.Dispose();
        (IommuStatus status, DmaMapping late) = await bench.Device
            .MapAsync(new byte[8].AsMemory(), DmaDirection.ToDevice, token: Token).AsTask()
            .WaitAsync(s_patience, Token);
        Assert.Equal(IommuStatus.Ok, status);
        late.Dispose();

        DmaMapping last = Take(bench.Device);
        at = last.Address;
        Assert.True(bench.Write(at, 1));
        last.Dispose();
        await bench.Domain.FlushAsync(Token);
        Assert.False(bench.Write(at, 1));
    }

    [Fact]
    public async Task ACancelledCallLeavesNothingBehind()
    {
        using DmaDeviceBench bench = NewBench();
        List<DmaMapping> taken = TakeAll(bench.Device);
        using var stop = new CancellationTokenSource();
        WeakReference array = await CancelledAsync();
        Assert.Equal(3, bench.Device.Live);
        taken[0].Dispose();
        Assert.Equal(2, bench.Device.Live); // nobody took its addresses
        taken[0] = Take(bench.Device);
        foreach (DmaMapping mapping in taken) mapping.Dispose();
        for (int tries = 0; tries < 100 && array.IsAlive; tries++)
        {
            await Task.Yield(); // the thread that ended the call may have it on its stack
            GC.Collect();
        }

        Assert.False(array.IsAlive); // nor is the memory pinned

        Assert.True(bench.Device.MapAsync(new byte[1].AsMemory(), DmaDirection.ToDevice, token: stop.Token)
            .AsTask().IsCanceled);
        Assert.True(bench.Device.AllocateCoherentAsync(1, stop.Token).AsTask().IsCanceled);
        Assert.True(bench.Device.AllocateIovaAsync(1, stop.Token).AsTask().IsCanceled);

        async Task<WeakReference> CancelledAsync()
        {
            var bytes = new byte[8];
            Task waiting = bench.Device
                .MapAsync(bytes.AsMemory(), DmaDirection.ToDevice, token: stop.Token).AsTask();
            Assert.False(waiting.IsCompleted);
            await stop.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
            return new WeakReference(bytes);
        }
    }

    [Fact]
    public async Task TheDevicesEndEndsTheWaits()
    {
        DmaDeviceBench bench = NewBench();
        using var neighbour = new DmaDevice(bench.Domain, "neighbour");
        Assert.Equal(IommuStatus.Ok, neighbour.SetMask(Bits));
        List<DmaMapping> taken = TakeAll(neighbour);
        Task waiting = bench.Device.MapAsync(new byte[8].AsMemory(), DmaDirection.ToDevice, token: Token).AsTask();
        Task coherent = bench.Device.AllocateCoherentAsync(8, Token).AsTask();
        Task block = bench.Device.CreatePool(8, 8).AllocateAsync(Token).AsTask();
        Assert.False(waiting.IsCompleted || coherent.IsCompleted || block.IsCompleted);
        bench.Dispose();
        foreach (Task one in (Task[])[waiting, coherent, block])
            await Assert.ThrowsAsync<ObjectDisposedException>(() => one.WaitAsync(s_patience, Token));
        foreach (DmaMapping mapping in taken) mapping.Dispose();
    }

    [Fact]
    public async Task ThereIsNoWaitingInVain()
    {
        using (DmaDeviceBench bench = NewBench())
        {
            List<DmaMapping> taken = TakeAll(bench.Device);
            Assert.Equal(IommuStatus.NoSpace, (await bench.Device.AllocateCoherentAsync(4 * Page, Token)).Status);
            Assert.Equal(IommuStatus.NoSpace, (await bench.Device.MapAsync(
                new byte[2 * Page + 1].AsMemory(), DmaDirection.ToDevice, token: Token)).Status); // page 0 is taken
            foreach (DmaMapping mapping in taken) mapping.Dispose();
        }

        using (DmaDeviceBench bench = NewBench(options: new DmaDeviceOptions { BouncesAlways = true }))
        {
            Assert.Equal(IommuStatus.NoSpace, (await bench.Device.MapAsync(
                new byte[DmaDevice.MaxBounce + 1].AsMemory(), DmaDirection.ToDevice, token: Token)).Status);
            List<DmaMapping> taken = TakeAll(bench.Device);
            using DmaMemory memory = bench.Domain.AllocateMemory(Page);
            Assert.Equal(IommuStatus.NoSpace, (await bench.Device.MapScatterAsync(
                (DmaPiece[])[new(memory, 0, 8)], DmaDirection.ToDevice, Token)).Status);
            foreach (DmaMapping mapping in taken) mapping.Dispose();
        }

        using var identity = new DmaDeviceBench(identity: true);
        using DmaMemory high = identity.Domain.AllocateMemory(Page);
        if ((ulong)high.Bytes.Address <= uint.MaxValue) return;
        Assert.Equal(IommuStatus.NoSpace, (await identity.Device.MapAsync(
            high, 0, Page, DmaDirection.ToDevice, token: Token)).Status);
    }

    /// <summary>No wake-up is lost: each task maps and unmaps, with room for three of eight.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ManyThatWaitAreAllServed(bool lazy)
    {
        const int tasks = 8;
        int rounds = lazy ? 20 : 2000;
        using DmaDeviceBench bench = NewBench(lazy);
        using DmaMemory memory = bench.Domain.AllocateMemory(Page);
        await Task.WhenAll(Enumerable.Range(0, tasks).Select(_ => Task.Run(RunAsync, Token)))
            .WaitAsync(s_patience, Token);
        Assert.Equal(0, bench.Device.Live);

        async Task RunAsync()
        {
            for (int round = 0; round < rounds; round++)
            {
                (IommuStatus status, DmaMapping mapping) = await bench.Device.MapAsync(
                    memory, 0, Page, DmaDirection.ToDevice, token: Token);
                Assert.Equal(IommuStatus.Ok, status);
                await Task.Yield();
                mapping.Dispose();
            }
        }
    }

    private static DmaDeviceBench NewBench(bool lazy = false, DmaDeviceOptions? options = null)
    {
        var bench = new DmaDeviceBench(lazy, options: options);
        Assert.Equal(IommuStatus.Ok, bench.Device.SetMaskAndCoherent(Bits));
        return bench;
    }

    private static List<DmaMapping> TakeAll(DmaDevice device)
    {
        List<DmaMapping> taken = [Take(device), Take(device), Take(device)];
        Assert.Equal(IommuStatus.NoSpace, device.Map(new byte[1].AsMemory(), DmaDirection.ToDevice, out _));
        return taken;
    }

    private static DmaMapping Take(DmaDevice device)
    {
        using DmaMemory memory = device.Space.AllocateMemory(Page);
        Assert.Equal(IommuStatus.Ok, device.Map(memory, DmaDirection.Bidirectional, out DmaMapping mapping));
        return mapping;
    }
}
