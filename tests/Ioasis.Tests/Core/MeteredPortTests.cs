using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Core.Observation;
using Ioasis.Memory;

namespace Ioasis.Tests.Core;

/// <summary>A port whose accesses are counted: each once, as a hit or a miss of its IOTLB, by its bytes.</summary>
public sealed class MeteredPortTests
{
    private readonly DmaBench _bench = new();
    private readonly MeterOnly _meter = new();
    private readonly Endpoint _endpoint;
    private readonly PagingDomain _domain;
    private readonly byte[] _data = new byte[8];

    public MeteredPortTests()
    {
        _endpoint = _bench.NewEndpoint();
        _domain = _bench.NewDomain();
        _endpoint.Attach(null, _domain);
        _bench.Map(_domain, 0x1000, 0x1000, 7);
    }

    [Fact]
    public void HitsMissesAndBytesAreExact()
    {
        using DmaPort port = _endpoint.OpenPort();
        for (int i = 0; i < 3; i++) Assert.True(port.Read(new Iova(0x1000), _data).IsOk);
        Assert.Empty(_bench.Unit.Observers.CountAccesses());
        _bench.Unit.Observers.Add(_meter);
        for (int i = 0; i < 5; i++) Assert.True(port.Read(new Iova(0x1000), _data).IsOk);
        Assert.Equal(new AccessCounts(40, 0, 4, 1), Counts);
        for (int i = 0; i < 2; i++) Assert.True(port.Write(new Iova(0x1800), _data.AsSpan(0, 3)).IsOk);
        Assert.Equal(new AccessCounts(40, 6, 5, 2), Counts); // another entry of the IOTLB
    }

    [Fact]
    public void EachPASIDHasTranslationsOfItsOwn()
    {
        _bench.Unit.Observers.Add(_meter);
        using DmaPort port = _endpoint.OpenPort();
        PagingDomain other = _bench.NewDomain();
        _bench.Map(other, 0x1000, 0x1000, 9);
        _endpoint.Attach(new Pasid(5), other);
        for (int i = 0; i < 3; i++)
        {
            Assert.True(port.Read(new Pasid(5), new Iova(0x1000), _data).IsOk);
            Assert.Equal(9, _data[0]);
        }

        Assert.Equal(new AccessCounts(24, 0, 2, 1), Counts);
        Assert.True(port.Read(new Iova(0x1000), _data).IsOk);
        Assert.Equal(7, _data[0]);
        Assert.Equal(new AccessCounts(32, 0, 2, 2), Counts);
    }

    [Fact]
    public void AnUnmapMakesTheNextAccessAMissAndTheRefusedOneHasNoBytes()
    {
        _bench.Unit.Observers.Add(_meter);
        using DmaPort port = _endpoint.OpenPort();
        (IovaRange range, _) = _bench.Map(_domain, 0x5000, 0x1000, 1);
        for (int i = 0; i < 2; i++) Assert.True(port.Read(new Iova(0x5000), _data).IsOk);
        _domain.Mappings.Unmap(range);
        Assert.Equal(FaultReason.NotMapped, port.Read(new Iova(0x5000), _data).Reason);
        Assert.Equal(new AccessCounts(16, 0, 1, 2), Counts);
        Assert.Equal(4, port.Read(new Iova(0x1ffc), _data).BytesDone); // half of it, and a fault
        Assert.Equal(new AccessCounts(20, 0, 1, 4), Counts);
    }

    [Fact]
    public void WhatAClosedPortDidStaysAndPortsThatOpenLaterCount()
    {
        _bench.Unit.Observers.Add(_meter);
        using (DmaPort first = _endpoint.OpenPort()) Assert.True(first.Read(new Iova(0x1000), _data).IsOk);
        using (DmaPort second = _endpoint.OpenPort()) Assert.True(second.Write(new Iova(0x1000), _data).IsOk);
        Assert.Equal(new AccessCounts(8, 8, 0, 2), Counts);
        _bench.Unit.Observers.Remove(_meter);
        using DmaPort third = _endpoint.OpenPort();
        Assert.True(third.Read(new Iova(0x1000), _data).IsOk);
        Assert.Equal(new AccessCounts(8, 8, 0, 2), Counts);
    }

    [Fact]
    public void LongAccessesAndWatchedOnesAreCountedByPieces()
    {
        const int Length = 800_000; // four pieces
        _bench.Map(_domain, 0x10_0000, 0x10_0000, 3);
        _bench.Unit.Observers.Add(_meter);
        using DmaPort port = _endpoint.OpenPort();
        Assert.True(port.Write(new Iova(0x10_0000), new byte[Length]).IsOk);
        Assert.Equal(new AccessCounts(0, Length, 0, 4), Counts);
        var watcher = new EventRecorder(EventKinds.Dma);
        _bench.Unit.Observers.Add(watcher);
        for (int i = 0; i < 2; i++) Assert.True(port.Read(new Iova(0x1000), _data).IsOk);
        Assert.Equal(new AccessCounts(16, Length, 0, 6), Counts); // a watched port keeps no translation
        Assert.Equal(2, watcher.Of<DmaEvent>().Count);
    }

    [Fact]
    public void ADevicesOwnTranslationsAreNoLookUpsOfTheIOTLB()
    {
        _bench.Unit.Observers.Add(_meter);
        using DmaPort port = _endpoint.OpenPort(translations: 4);
        port.UsesDeviceTlb = true;
        for (int i = 0; i < 3; i++) Assert.True(port.Read(new Iova(0x1000), _data).IsOk);
        Assert.Equal(new AccessCounts(24, 0, 0, 0), Counts);
    }

    private AccessCounts Counts => _bench.Unit.Observers.CountAccesses()[_endpoint.Id];
}

/// <summary>Wants accesses counted, and nothing else.</summary>
internal sealed class MeterOnly : MachineObserver
{
    public override EventKinds Kinds => EventKinds.AccessCounts;
}

/// <summary>What holds of ports holds of metered ones.</summary>
public sealed class MeteredDmaPortTests : DmaPortTests
{
    public MeteredDmaPortTests() => _bench.Unit.Observers.Add(new MeterOnly());
}

/// <summary>The same, of bound ports.</summary>
public sealed class MeteredBoundPortTests : BoundPortTests
{
    public MeteredBoundPortTests() => _bench.Unit.Observers.Add(new MeterOnly());
}

/// <summary>The same, while translations are taken away.</summary>
[Collection(nameof(ConcurrentUnmapTests))]
public sealed class MeteredUnmapTests : ConcurrentUnmapTests
{
    public MeteredUnmapTests() => _bench.Unit.Observers.Add(new MeterOnly());
}
