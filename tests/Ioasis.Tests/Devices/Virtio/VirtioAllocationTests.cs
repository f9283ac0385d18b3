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
        const int Requests = 4;
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
        CancellationToken token = TestContext.Current.CancellationToken;
        Allocation.None(
            () =>
            {
                model.Serve(0, token);
                for (int queue = 0; queue < queues; queue++) bench.Slot.Queue(queue).Return();
            },
            prepare: () =>
            {
                for (int i = 0; i < Requests; i++) add(rings, bench);
            },
            finish: () =>
            {
                foreach (DriverRing ring in rings)
                    for (int i = 0; i < Requests; i++) Assert.NotNull(ring.Reap());
            });

        foreach (DmaPort port in ports) port.Dispose();
    }
}
