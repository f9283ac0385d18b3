using Ioasis.Core.Dma;
using Ioasis.Devices.Virtio;
using Ioasis.Devices.Virtio.Blk;
using Ioasis.Devices.Virtio.Net;
using static Ioasis.Devices.Virtio.VirtioFeatures;

namespace Ioasis.Tests.Devices.Virtio;

/// <summary>A request allocates nothing once a queue is warm.</summary>
public sealed class VirtioAllocationTests
{
    private const ulong Data = VirtioBench.Data;

    public static TheoryData<ulong> Formats => [Version1, Version1 | PackedRing, Version1 | EventIndex];

    [Theory]
    [MemberData(nameof(Formats))]
    public void FramesAllocateNothing(ulong features) => Check(
        new VirtioNetDevice(), features | NetFeatures.MergeableBuffers, (rings, _) =>
        {
            rings[0].Add([new Part(Data, 128, true)]);
            rings[1].Add([new Part(Data + 0x1000, 76, false)]);
        });

    [Theory]
    [MemberData(nameof(Formats))]
    public void RequestsOfADiskAllocateNothing(ulong features) => Check(
        new VirtioBlkDevice(), features | BlkFeatures.Flush, (rings, bench) =>
        {
            bench.Put(Data, new byte[16]);
            Part status = new(Data + 64, 1, true);
            rings[0].Add([new Part(Data, 16, false), new Part(Data + 0x1000, 4096, true), status]);
        });

    private static void Check(
        VirtioDeviceModel model, ulong features, Action<DriverRing[], VirtioBench> add)
    {
        const int Requests = 4, WarmRounds = 100, Rounds = 100, MostRounds = 3000;
        using var bench = new VirtioBench(model);
        int queues = model.Function.Queues.Count(queue => queue.Worker == 0);
        DriverRing[] rings = [.. Enumerable.Range(0, queues).Select(queue => bench.NewRing(features, queue, 16))];
        DmaPort[] ports = [.. rings.Select(_ => bench.OpenPort(0))];
        for (int queue = 0; queue < queues; queue++)
        {
            var settings = new RingSettings
            {
                Size = rings[queue].Size,
                Descriptors = rings[queue].Descriptors,
                Driver = rings[queue].Driver,
                Device = rings[queue].Device,
            };
            Assert.True(bench.Slot.Queue(queue).TryStart(ports[queue], in settings, features));
        }

        model.Start(features); // this thread serves the queues: no worker runs
        int clean = 0; // rounds in a row
        for (int round = 0; clean < Rounds; round++)
        {
            Assert.True(round < MostRounds, $"no {Rounds} rounds in a row allocate nothing");
            for (int i = 0; i < Requests; i++) add(rings, bench);
            long before = GC.GetAllocatedBytesForCurrentThread();
            model.Serve(0, TestContext.Current.CancellationToken);
            for (int queue = 0; queue < queues; queue++) bench.Slot.Queue(queue).Return();
            // A collection, of any thread's making, takes this thread's free space away, which then counts as
            // allocated. So one round may show bytes now and then; a request that allocates shows them again and again.
            bool isClean = before == GC.GetAllocatedBytesForCurrentThread();
            clean = isClean && round >= WarmRounds ? clean + 1 : 0;
            foreach (DriverRing ring in rings)
                for (int i = 0; i < Requests; i++) Assert.NotNull(ring.Reap());
        }

        foreach (DmaPort port in ports) port.Dispose();
    }
}
