using Ioasis.Core;
using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Memory;

namespace Ioasis.Tests.Core;

/// <summary>A device's own translations: used until they are invalidated, and not a moment longer.</summary>
public sealed class DeviceTlbTests : IDisposable
{
    private readonly DmaBench _bench = new();
    private readonly Endpoint _endpoint;
    private readonly PagingDomain _domain;
    private readonly DmaPort _port;

    public DeviceTlbTests()
    {
        _endpoint = _bench.NewEndpoint();
        _domain = _bench.NewDomain();
        _endpoint.Attach(null, _domain);
        _port = _endpoint.OpenPort(translations: 4);
        _port.UsesDeviceTlb = true;
    }

    private DeviceTlb Tlb => _port.DeviceTlb!;

    public void Dispose() => _port.Dispose();

    [Fact]
    public void ATranslationIsAskedForOnceForItsPage()
    {
        _bench.Map(_domain, 0x10000, 0x2000, 0x5a);
        for (int i = 0; i < 10; i++) Assert.Equal(0x5a, Read(0x10000 + (ulong)(i * 8)));
        Assert.Equal((9, 1, 1), (Tlb.Hits, Tlb.Misses, Tlb.Count));
        Read(0x11000);
        Assert.Equal((9, 2, 2), (Tlb.Hits, Tlb.Misses, Tlb.Count));
    }

    [Fact]
    public void OfAProcessEachPageIsAccessedByItself()
    {
        var process = new OwnAddressSpace();
        HostBlock memory = process.Allocate(0x2000);
        var pasid = new Pasid(5);
        Assert.Equal(IommuStatus.Ok, _endpoint.Attach(pasid, new ProcessDomain(_endpoint.Unit, process)));
        ulong last = (ulong)memory.Address + 0x1000;
        for (int i = 0; i < 2; i++)
        {
            DmaResult result = _port.Read(pasid, new Iova(last), new byte[0x3000]); // the next page is nobody's
            Assert.Equal((FaultReason.NotMapped, 0x1000), (result.Reason, result.BytesDone));
        }
    }

    [Fact]
    public void WithoutATSThereIsNone()
    {
        var bench = new DmaBench { Features = new EndpointFeatures() };
        using DmaPort port = bench.NewEndpoint().OpenPort(translations: 4);
        port.UsesDeviceTlb = true;
        Assert.Equal((null, false), (port.DeviceTlb, port.UsesDeviceTlb));
        using DmaPort none = _endpoint.OpenPort();
        Assert.Null(none.DeviceTlb);
    }

    [Fact]
    public void AnInvalidationOfTheDeviceDropsARangeOfOnePasid()
    {
        _bench.Map(_domain, 0x10000, 0x2000, 1);
        var pasid = new Pasid(5);
        Assert.Equal(IommuStatus.Ok, _endpoint.Attach(pasid, _domain));
        Assert.True(_port.Read(pasid, new Iova(0x10000), new byte[8]).IsOk);
        Read(0x10000);
        Read(0x11000);
        Assert.Equal((3, 0), (Tlb.Count, Tlb.Invalidations));
        _endpoint.InvalidateDeviceTlb(null, new IovaRange(0x10000, 0x10fff));
        Assert.Equal((2, 1), (Tlb.Count, Tlb.Invalidations));
        long misses = Tlb.Misses;
        Assert.True(_port.Read(pasid, new Iova(0x10000), new byte[8]).IsOk);
        Read(0x11000);
        Assert.Equal(misses, Tlb.Misses); // those two are still there
        Read(0x10000);
        Assert.Equal(misses + 1, Tlb.Misses);
    }

    [Fact]
    public void AnUnmapTakesWhatLedToTheMappingAndNothingElse()
    {
        (IovaRange range, _) = _bench.Map(_domain, 0x10000, 0x1000, 1);
        _bench.Map(_domain, 0x11000, 0x1000, 2);
        Read(0x10000);
        Read(0x11000);
        _domain.Mappings.Unmap(range);
        Assert.Equal((1, 1), (Tlb.Count, Tlb.Invalidations));
        Assert.Equal(FaultReason.NotMapped, _port.Read(new Iova(0x10000), new byte[1]).Reason);
        Read(0x11000);
        Assert.Equal(1, Tlb.Hits);
    }

    [Fact]
    public void ALargePageGoesAsAWholeWithThePartThatIsUnmapped()
    {
        (IovaRange range, _) = _bench.Map(_domain, 0x200000, 0x200000, 7);
        Read(0x200000);
        Read(0x3ff000);
        Assert.Equal((1, 1), (Tlb.Hits, Tlb.Count));
        _domain.Mappings.Split(range, 0x2fffff);
        Read(0x3ff000);
        _domain.Mappings.Unmap(new IovaRange(0x300000, 0x3fffff));
        Assert.Equal(0, Tlb.Count);
        Assert.Equal(FaultReason.NotMapped, _port.Read(new Iova(0x3ff000), new byte[1]).Reason);
        Assert.Equal(7, Read(0x200000));
    }

    [Fact]
    public void AWriteNeedsATranslationThatPermitsIt()
    {
        _bench.Map(_domain, 0x10000, 0x1000, 1, MapAccess.Read);
        Read(0x10000);
        Assert.Equal(FaultReason.NoPermission, _port.Write(new Iova(0x10000), new byte[1]).Reason);
        Assert.Equal((0, 2), (Tlb.Hits, Tlb.Misses));
    }

    [Fact]
    public void TheOldestMakesRoom()
    {
        _bench.Map(_domain, 0x10000, 0x5000, 1);
        for (ulong page = 0; page < 5; page++) Read(0x10000 + (page << 12));
        Assert.Equal(4, Tlb.Count);
        Read(0x14000);
        Read(0x11000);
        Assert.Equal(2, Tlb.Hits);
        Read(0x10000);
        Assert.Equal((2, 6), (Tlb.Hits, Tlb.Misses));
    }

    [Fact]
    public void AMoveTakesWhatIsOfThatPASIDOnly()
    {
        PagingDomain other = _bench.NewDomain();
        _bench.Map(_domain, 0x10000, 0x1000, 1);
        _bench.Map(other, 0x10000, 0x1000, 2);
        _endpoint.Attach(new Pasid(5), _domain);
        _endpoint.Attach(new Pasid(6), _domain);
        foreach (uint pasid in (uint[])[5, 6]) Assert.Equal(1, Read(0x10000, new Pasid(pasid)));
        Assert.Equal(1, Read(0x10000));
        _endpoint.Attach(new Pasid(5), other);
        Assert.Equal((2, 1), (Tlb.Count, Tlb.Invalidations));
        Assert.Equal(2, Read(0x10000, new Pasid(5)));
        _endpoint.Attach(new Pasid(5), null);
        Assert.Equal(FaultReason.NotAttached, _port.Read(new Pasid(5), new Iova(0x10000), new byte[1]).Reason);
        Read(0x10000);
        Read(0x10000, new Pasid(6));
        Assert.Equal((2, 2), (Tlb.Hits, Tlb.Count));
    }

    [Fact]
    public void AResetAndAFlushOfItsOwnEmptyIt()
    {
        _bench.Map(_domain, 0x10000, 0x1000, 1);
        Read(0x10000);
        Tlb.Flush();
        Assert.Equal(0, Tlb.Count);
        Read(0x10000);
        _endpoint.Reset();
        Assert.Equal((0, 0), (Tlb.Count, Tlb.Invalidations));
        Assert.Equal(1, Read(0x10000));
    }

    [Fact]
    public void SwitchedOnAndOffAllIsTranslatedAlike()
    {
        (IovaRange range, _) = _bench.Map(_domain, 0x10000, 0x1000, 1);
        _port.UsesDeviceTlb = false;
        Read(0x10000);
        _port.UsesDeviceTlb = true;
        Read(0x10000);
        Assert.Equal(1, Tlb.Misses); // what the port kept without it was not used
        _domain.Mappings.Unmap(range);
        _port.UsesDeviceTlb = false;
        Assert.Equal(FaultReason.NotMapped, _port.Read(new Iova(0x10000), new byte[1]).Reason);
    }

    /// <summary>
    /// After each unmap returned, neither is the old memory reached nor is a translation kept that led there.
    /// </summary>
    [Fact]
    public void NothingOfAnUnmappedPageIsUsedOrKept()
    {
        bool stop = false;
        long reads = 0, stale = 0;
        int forbidden = -1; // the fill of what was unmapped last
        var engine = new Thread(() =>
        {
            Span<byte> one = stackalloc byte[1];
            while (!Volatile.Read(ref stop))
            {
                int before = Volatile.Read(ref forbidden);
                if (_port.Read(new Iova(0x10000), one).IsOk && (one[0] == before || one[0] == 0xee))
                    Interlocked.Increment(ref stale);
                Interlocked.Increment(ref reads);
            }
        });
        engine.Start();
        for (int round = 0; round < 3000 || Interlocked.Read(ref reads) < 3000; round++)
        {
            byte fill = (byte)(1 + (round % 100));
            (IovaRange range, HostBlock block) = _bench.Map(_domain, 0x10000, 0x1000, fill);
            long seen = Interlocked.Read(ref reads);
            if (round % 4 == 0) Until.True(() => Interlocked.Read(ref reads) > seen);
            _domain.Mappings.Unmap(range);
            Assert.Equal(0, Tlb.Count);
            Volatile.Write(ref forbidden, fill);
            block.Write(0, (byte)0xee);
            _bench.Memory.Free(block);
        }

        Volatile.Write(ref stop, true);
        engine.Join();
        Assert.Equal(0, stale);
        Assert.True(Tlb.Hits > 0 && Tlb.Invalidations > 0);
    }

    private byte Read(ulong iova, Pasid? pasid = null)
    {
        var one = new byte[1];
        DmaResult result = pasid is { } id ? _port.Read(id, new Iova(iova), one) : _port.Read(new Iova(iova), one);
        Assert.Equal(FaultReason.None, result.Reason);
        return one[0];
    }
}
