using Ioasis.Core;
using Ioasis.Core.Dma;
using Ioasis.Core.DmaApi;
using Ioasis.Memory;

namespace Ioasis.Tests.DmaApi;

/// <summary>
/// Threads that map and unmap neighbours in one table of the last level, in random order, beside devices that access
/// all of them. Whoever has unmapped a buffer at once fills it with poison, which a device must never see, and looks
/// whether anything wrote to it.
/// </summary>
public sealed class NeighbourTests
{
    private const int Page = 4096, Pages = 40, Drivers = 3, Published = 64;
    private const ulong Poison = 0xeeeeeeeeeeeeeeee, Clean = 0x1111111111111111;

    private readonly ulong[] _published = new ulong[Published]; // addresses that are or were mapped
    private volatile bool _stop;

    [Theory]
    [InlineData(11, false)]
    [InlineData(12, true)]
    public void NoDeviceUsesWhatWasUnmapped(int seed, bool lazy)
    {
        int rounds = DmaDeviceBench.Number("IOASIS_DMA_ROUNDS", 3000);
        using var bench = new DmaDeviceBench(lazy);
        List<Exception> failures = [];
        long reads = 0, writes = 0;
        Thread[] devices = [Start(() => Read(bench, ref reads)), Start(() => Write(bench, ref writes))];
        Thread[] drivers =
            [.. Enumerable.Range(0, Drivers).Select(i => Start(() => Drive(bench, new Random(seed + i), rounds)))];
        foreach (Thread driver in drivers) driver.Join();
        _stop = true;
        foreach (Thread device in devices) device.Join();
        Assert.Empty(failures);
        Assert.True(reads > 0 && writes > 0, $"{reads} reads, {writes} writes");
        Assert.Equal(0, bench.Device.Live);

        Thread Start(Action run)
        {
            var thread = new Thread(() =>
            {
                try
                {
                    run();
                }
                catch (Exception e)
                {
                    lock (failures) failures.Add(e);
                }
            });
            thread.Start();
            return thread;
        }
    }

    private void Drive(DmaDeviceBench bench, Random random, int rounds)
    {
        using DmaMemory memory = bench.Domain.AllocateMemory(Pages * Page);
        for (ulong at = 0; at < memory.Length; at += 8) memory.Bytes.Write(at, Clean);
        List<(int First, int Count, DmaMapping Mapping)> live = [];
        for (int round = 0; round < rounds; round++)
        {
            int first = random.Next(Pages), count = 1 + random.Next(Math.Min(3, Pages - first));
            bool isFree = !live.Exists(m => m.First < first + count && first < m.First + m.Count);
            if (isFree && live.Count < 8)
            {
                Assert.Equal(IommuStatus.Ok, bench.Device.Map(memory, (ulong)(first * Page), (ulong)(count * Page),
                    DmaDirection.Bidirectional, out DmaMapping mapping));
                live.Add((first, count, mapping));
                ulong at = mapping.Address.Value;
                for (int page = 0; page < count; page++)
                    Volatile.Write(ref _published[random.Next(Published)], at + (ulong)(page * Page));
                if (random.Next(4) == 0) Thread.Yield();
            }
            else if (live.Count > 0)
            {
                Unmap(random.Next(live.Count));
            }
        }

        while (live.Count > 0) Unmap(0);

        void Unmap(int which)
        {
            (int first, int count, DmaMapping mapping) = live[which];
            live.RemoveAt(which);
            mapping.Dispose();
            if (bench.Domain.IsLazy) bench.Domain.Flush(); // now nothing is left there either
            for (int page = first; page < first + count; page++) memory.Bytes.Write((ulong)(page * Page), Poison);
            if (random.Next(2) == 0) Thread.Yield();
            for (int page = first; page < first + count; page++)
            {
                Assert.Equal(Poison, memory.Bytes.Read<ulong>((ulong)(page * Page)));
                memory.Bytes.Write((ulong)(page * Page), Clean);
            }
        }
    }

    private void Read(DmaDeviceBench bench, ref long reads)
    {
        using DmaPort port = bench.Endpoint.OpenPort();
        Span<byte> word = stackalloc byte[8];
        for (int i = 0; !_stop; i = (i + 1) % Published)
        {
            if (Volatile.Read(ref _published[i]) is not (> 0 and var at)) continue;
            for (int again = 0; again < 3; again++) // by a look-up, and from the IOTLB
            {
                if (!port.Read(new Iova(at), word).IsOk) break;
                reads++;
                Assert.Equal(Clean, BitConverter.ToUInt64(word));
            }
        }
    }

    private void Write(DmaDeviceBench bench, ref long writes)
    {
        using DmaPort port = bench.Endpoint.OpenPort();
        byte[] word = BitConverter.GetBytes(Clean);
        for (int i = 0; !_stop; i = (i + 1) % Published)
            if (Volatile.Read(ref _published[i]) is > 0 and var at && port.Write(new Iova(at), word).IsOk) writes++;
    }
}
