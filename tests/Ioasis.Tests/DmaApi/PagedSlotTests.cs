using Ioasis.Core;
using Ioasis.Core.Dma;
using Ioasis.Core.DmaApi;
using Ioasis.Memory;

namespace Ioasis.Tests.DmaApi;

/// <summary>
/// Mappings of native memory in a domain of the host: slots that keep their addresses, and what threads keep for the
/// next calls.
/// </summary>
public sealed class PagedSlotTests
{
    private const ulong Page = 4096;

    [Fact]
    public void AnUnmapThatWaitsLetsNoAccessThroughAndGivesNothingOut()
    {
        using var bench = new DmaDeviceBench();
        int freed = 0;
        DmaMemory memory = NewMemory(() => freed++);
        using DmaMemory other = bench.Domain.AllocateMemory(Page);
        DmaMapping mapping = Map(bench, memory);
        Iova at = mapping.Address;
        Assert.True(bench.Write(at, 1));
        Assert.True(bench.Write(at, 2)); // the second translation is kept by the port
        using StoppedThread unmaps = StoppedThread.At("DmaDevice.TakenOut", mapping.Dispose);
        using (DmaPort fresh = bench.Endpoint.OpenPort()) Assert.False(fresh.Write(at, [3]).IsOk);
        DmaMapping next = Map(bench, other);
        Assert.NotEqual(at, next.Address);
        memory.Dispose();
        Assert.Equal(0, freed);
        Assert.Equal(2, memory.Bytes.Read<byte>(0));
        Assert.Throws<InvalidOperationException>(mapping.Dispose);
        unmaps.GoOn();
        Assert.Equal(1, freed);
        Assert.False(bench.Write(at, 4));
        next.Dispose();
    }

    [Fact]
    public void MemoryIsFreedWithItsLastMappingWhicheverThreadsHadIt()
    {
        using var bench = new DmaDeviceBench();
        for (int round = 0; round < 20; round++)
        {
            int freed = 0;
            DmaMemory memory = NewMemory(() => freed++);
            for (int i = 0; i < 5; i++) Map(bench, memory).Dispose();
            DmaMapping last = default;
            var thread = new Thread(() =>
            {
                for (int i = 0; i < 5; i++) Map(bench, memory).Dispose();
                last = Map(bench, memory);
            });
            thread.Start();
            thread.Join();
            memory.Dispose();
            Assert.Equal(0, freed);
            Assert.Throws<ObjectDisposedException>(() => Map(bench, memory));
            last.Dispose();
            Assert.Equal(1, freed);
        }
    }

    [Fact]
    public void AddressesThatFreeSlotsKeepComeBackWhenTheyRunOut()
    {
        using var bench = new DmaDeviceBench();
        using DmaMemory memory = bench.Domain.AllocateMemory(4 * Page);
        ulong before = bench.Domain.Iovas!.TakenBytes;
        bench.Domain.Iovas!.Reserve(new IovaRange(0, uint.MaxValue - (64 * Page))); // 64 pages are left
        using (var other = new DmaDevice(bench.Domain, "other"))
        {
            List<DmaMapping> all = [];
            for (int i = 0; i < 64; i++) all.Add(Map(bench, memory));
            Assert.Equal(64, all.Select(m => m.Address.Value).Distinct().Count());
            Assert.Equal(IommuStatus.NoSpace, bench.Device.Map(memory, DmaDirection.ToDevice, out _));
            Assert.Equal(IommuStatus.NoSpace, other.Map(memory, 0, 1, DmaDirection.ToDevice, out _));
            foreach (DmaMapping mapping in all) mapping.Dispose();
            Assert.Equal(IommuStatus.Ok, other.Map(memory, DmaDirection.ToDevice, out DmaMapping four));
            Assert.Equal(IommuStatus.Ok, other.AllocateCoherent(32 * Page, out DmaBuffer? coherent));
            coherent!.Dispose();
            four.Dispose();
        }

        Map(bench, memory).Dispose();
        Assert.True(bench.Domain.Iovas!.TakenBytes > before);
    }

    [Fact]
    public void ASlotAboveTheMaskIsNotTaken()
    {
        using var bench = new DmaDeviceBench();
        using DmaMemory memory = bench.Domain.AllocateMemory(Page);
        for (int i = 0; i < 3; i++) Map(bench, memory).Dispose();
        Assert.Equal(IommuStatus.Ok, bench.Device.SetMask(24));
        for (int i = 0; i < 40; i++)
        {
            DmaMapping mapping = Map(bench, memory);
            Assert.InRange(mapping.Address.Value, Page, (1UL << 24) - Page);
            mapping.Dispose();
        }
    }

    [Fact]
    public void EveryLateAccessIsCountedUntilTheFlush()
    {
        using var bench = new DmaDeviceBench(lazy: true);
        using DmaMemory memory = bench.Domain.AllocateMemory(2 * Page);
        using DmaPort second = bench.Endpoint.OpenPort();
        byte[] word = new byte[8];
        long late = 0;
        for (int uses = 1; uses <= 4; uses++) // looked up once, and kept by one port or both
        {
            Assert.Equal(IommuStatus.Ok,
                bench.Device.Map(memory, 16, 2 * Page - 16, DmaDirection.Bidirectional, out DmaMapping mapping));
            Iova at = mapping.Address;
            for (int i = 0; i < uses; i++) Assert.True(bench.Write(at, 1) && second.Read(at, word).IsOk);
            using (bench.Domain.Queue!.Flushing()) // no flush comes between
            {
                mapping.Dispose();
                for (int i = 0; i < uses; i++) Assert.True(bench.Write(at, 2) && second.Read(at, word).IsOk);
                Assert.Equal(late += 2 * uses, bench.Domain.LateAccesses);
                Assert.False(bench.Write(at + Page, 3)); // no device had used that page
                DmaMapping next = Map(bench, memory);
                Assert.NotEqual(at.Value & ~(Page - 1), next.Address.Value);
                next.Dispose();
            }

            bench.Domain.Flush();
            Assert.False(bench.Write(at, 4) || second.Read(at, word).IsOk);
            Assert.Equal(late, bench.Domain.LateAccesses);
        }
    }

    [Fact]
    public void AFlushEndsWhatAnotherThreadUnmapped()
    {
        using var bench = new DmaDeviceBench(lazy: true);
        int freed = 0;
        DmaMemory memory = NewMemory(() => freed++);
        Iova at = default;
        using (bench.Domain.Queue!.Flushing())
        {
            var thread = new Thread(() =>
            {
                DmaMapping mapping = Map(bench, memory);
                at = mapping.Address;
                Assert.True(bench.Write(at, 1));
                mapping.Dispose();
            });
            thread.Start();
            thread.Join();
            memory.Dispose();
            Assert.True(bench.Write(at, 2));
            Assert.Equal(0, freed);
        }

        bench.Domain.Flush();
        Assert.False(bench.Write(at, 3));
        Assert.Equal(1, freed);
    }

    [Fact]
    public void WhatIsUnmappedLazilyIsFlushedInTime()
    {
        using var bench = new DmaDeviceBench(lazy: true);
        using DmaMemory memory = bench.Domain.AllocateMemory(Page);
        for (int round = 0; round < 3; round++) // each time the timer starts anew
        {
            DmaMapping mapping = Map(bench, memory);
            Iova at = mapping.Address;
            Assert.True(bench.Write(at, 1));
            mapping.Dispose();
            Until.True(() => !bench.Write(at, 2));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ItAllocatesNothing(bool lazy)
    {
        using var bench = new DmaDeviceBench(lazy);
        using DmaMemory memory = bench.Domain.AllocateMemory(4 * Page);
        byte[] word = new byte[8];
        using DmaPool pool = bench.Device.CreatePool(64, 64);
        if (bench.Domain.Queue is { } queue)
            using (queue.Flushing()) Check(); // no flush of the timer moves slots meanwhile
        else Check();

        void Check()
        {
            Pairs();
            Allocation.None(Pairs);
        }

        void Pairs()
        {
            for (int i = 0; i < 2000; i++)
            {
                ulong pages = 1 + ((ulong)i & 3);
                bench.Device.Map(memory, 0, pages * Page, DmaDirection.ToDevice, out DmaMapping mapping);
                if ((i & 4) == 0) bench.Port.Read(mapping.Address, word);
                mapping.Dispose();
                pool.Allocate(out DmaPoolBlock block);
                pool.Free(block);
            }
        }
    }

    [Fact]
    public void OfTwoThreadsThatUnmapOneMappingOneThrows()
    {
        using var bench = new DmaDeviceBench();
        using DmaMemory memory = bench.Domain.AllocateMemory(Page);
        using var both = new Barrier(2);
        DmaMapping shared = default;
        int thrown = 0;
        const int rounds = 2000;
        Thread[] threads = [.. Enumerable.Range(0, 2).Select(i => new Thread(() =>
        {
            for (int round = 0; round < rounds; round++)
            {
                if (i == 0) shared = Map(bench, memory);
                both.SignalAndWait();
                try
                {
                    shared.Dispose();
                }
                catch (InvalidOperationException)
                {
                    Interlocked.Increment(ref thrown);
                }

                Map(bench, memory).Dispose(); // perhaps in the slot
                both.SignalAndWait();
            }
        }))];
        foreach (Thread thread in threads) thread.Start();
        foreach (Thread thread in threads) thread.Join();
        Assert.Equal(rounds, thrown);
        Assert.Equal(0, bench.Device.Live);
    }

    [Fact]
    public void BlocksThatAThreadKeepsComeBackWhenThereIsNoOther()
    {
        using var bench = new DmaDeviceBench();
        bench.Domain.Iovas!.Reserve(new IovaRange(0, uint.MaxValue - Page)); // one page is left
        DmaPool pool = bench.Device.CreatePool(1024, 1024);
        List<DmaPoolBlock> blocks = [];
        var thread = new Thread(() =>
        {
            while (pool.Allocate(out DmaPoolBlock block) == IommuStatus.Ok) blocks.Add(block);
            foreach (DmaPoolBlock block in blocks) pool.Free(block);
        });
        thread.Start();
        thread.Join();
        Assert.Equal(4, blocks.Count);
        Assert.Equal(IommuStatus.Ok, pool.Allocate(out DmaPoolBlock last));
        pool.Free(last);
        pool.Dispose();
    }

    [Fact]
    public void ThreadsGetDifferentBlocksOfAPoolAndGiveThemBackAnywhere()
    {
        const int threads = 3, rounds = 4000, most = 100;
        using var bench = new DmaDeviceBench();
        DmaPool pool = bench.Device.CreatePool(64, 64);
        var passed = new System.Collections.Concurrent.ConcurrentQueue<DmaPoolBlock>();
        List<Exception> failures = [];
        Thread[] all = [.. Enumerable.Range(1, threads).Select(i => new Thread(() =>
        {
            try
            {
                List<DmaPoolBlock> mine = [];
                var random = new Random(i);
                for (int round = 0; round < rounds; round++)
                {
                    if (random.Next(2) == 0 && mine.Count < most)
                    {
                        Assert.Equal(IommuStatus.Ok, pool.Allocate(out DmaPoolBlock block));
                        block.Write(0, i);
                        mine.Add(block);
                    }
                    else if (mine.Count > 0)
                    {
                        DmaPoolBlock block = mine[^1];
                        mine.RemoveAt(mine.Count - 1);
                        Assert.Equal(i, block.Read<int>(0)); // nobody else has it
                        if (random.Next(2) == 0) passed.Enqueue(block);
                        else pool.Free(block);
                    }

                    if (random.Next(3) == 0 && passed.TryDequeue(out DmaPoolBlock others)) pool.Free(others);
                }

                foreach (DmaPoolBlock block in mine) pool.Free(block);
            }
            catch (Exception e)
            {
                lock (failures) failures.Add(e);
            }
        }))];
        foreach (Thread thread in all) thread.Start();
        foreach (Thread thread in all) thread.Join();
        Assert.Empty(failures);
        Assert.Equal(passed.Count, pool.Live);
        while (passed.TryDequeue(out DmaPoolBlock block)) pool.Free(block);
        pool.Dispose();
        Assert.Throws<ObjectDisposedException>(() => pool.Allocate(out _));
        Assert.Equal(0, bench.Device.Live);
    }

    private static DmaMapping Map(DmaDeviceBench bench, DmaMemory memory)
    {
        IommuStatus status = bench.Device.Map(memory, 0, Page, DmaDirection.Bidirectional, out DmaMapping mapping);
        Assert.Equal(IommuStatus.Ok, status);
        return mapping;
    }

    private static DmaMemory NewMemory(Action free) => new(new HostBlock(Page), free);
}
