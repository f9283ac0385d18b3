using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Observation;
using Ioasis.Memory;

namespace Ioasis.Tests.Core;

/// <summary>Each access of a device is told while somebody wants it, also those that an IOTLB would serve.</summary>
public sealed class WatchedAccessTests
{
    private readonly DmaBench _bench = new();

    [Fact]
    public void AccessesThatTheIotlbHasAreToldWhileTheyAreWatched()
    {
        Endpoint endpoint = _bench.NewEndpoint();
        using DmaPort port = endpoint.OpenPort();
        PagingDomain domain = _bench.NewDomain();
        _bench.Map(domain, 0x1000, 0x1000, 7);
        endpoint.Attach(null, domain);
        byte[] data = new byte[8];
        for (int i = 0; i < 3; i++) Assert.True(port.Read(new Iova(0x1008), data).IsOk); // it is in the IOTLB now

        var seen = new EventRecorder(EventKinds.Dma);
        _bench.Unit.Observers.Add(seen);
        for (int i = 0; i < 2; i++) Assert.True(port.Read(new Iova(0x1008), data).IsOk);
        Assert.True(port.Write(new Iova(0x1ff0), data).IsOk);
        Assert.Equal(8, port.Write(new Iova(0x1ff8), new byte[16]).BytesDone); // a fault tells of the rest
        using DmaPort later = endpoint.OpenPort(); // opened while somebody watches
        Assert.True(later.Read(new Iova(0x1000), data).IsOk);
        Assert.True(_bench.Unit.Observers.Remove(seen));
        Assert.True(port.Read(new Iova(0x1008), data).IsOk); // nobody is told
        Assert.True(later.Read(new Iova(0x1008), data).IsOk);

        Assert.Equal(
            [
                (0x1008UL, 8, false), (0x1008UL, 8, false), (0x1ff0UL, 8, true), (0x1ff8UL, 8, true),
                (0x1000UL, 8, false),
            ],
            seen.Of<DmaEvent>().Select(e => (e.Access.Iova.Value, e.Access.Length, e.Access.IsWrite)));
        Assert.All(seen.Of<DmaEvent>(), e => Assert.Equal((endpoint, null), (e.Endpoint, e.Access.Pasid)));
    }

    [Fact]
    public void WhoWantsEverythingElseLeavesDevicesAlone()
    {
        Endpoint endpoint = _bench.NewEndpoint();
        using DmaPort port = endpoint.OpenPort();
        PagingDomain domain = _bench.NewDomain();
        _bench.Map(domain, 0x1000, 0x1000, 7);
        endpoint.Attach(null, domain);
        var seen = new EventRecorder(EventKinds.All);
        _bench.Unit.Observers.Add(seen);
        Assert.True(port.Read(new Iova(0x1000), new byte[8]).IsOk);
        Assert.Empty(seen.Events);
        Assert.False(_bench.Unit.Observers.Want(EventKinds.Watched));
    }
}
