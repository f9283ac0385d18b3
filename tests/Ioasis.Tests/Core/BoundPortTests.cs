using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Core.PageRequests;
using Ioasis.Memory;

namespace Ioasis.Tests.Core;

/// <summary>A port that is bound to a PASID: each request that gives none carries that one.</summary>
public class BoundPortTests
{
    private const ulong Iova = 0x10000;
    private static readonly Pasid s_default = new(0xfffff), s_other = new(7);
    private protected readonly DmaBench _bench = new();
    private readonly Endpoint _endpoint;

    public BoundPortTests() => _endpoint = _bench.NewEndpoint();

    [Fact]
    public void APASIDIsEquivalentToTheRequesterId()
    {
        PagingDomain shared = NewDomain(0x11);
        foreach (Pasid? pasid in (Pasid?[])[null, s_default]) _endpoint.Attach(pasid, shared);
        using DmaPort rid = _endpoint.OpenPort(), bound = _endpoint.OpenPort(0, s_default);
        Assert.Equal((0x11, 0x11), (Read(rid), Read(bound)));
        shared.Mappings.Unmap(new IovaRange(Iova, Iova + DmaBench.Page - 1));
        Assert.All((DmaPort[])[rid, bound], p => Assert.Equal(FaultReason.NotMapped, Fails(p)));
    }

    [Fact]
    public void ItReachesTheMemoryOfItsPASIDAndNoOther()
    {
        _endpoint.Attach(null, NewDomain(0x11));
        _endpoint.Attach(s_other, NewDomain(0x22));
        using DmaPort bound = _endpoint.OpenPort(0, s_default);
        Assert.Equal(FaultReason.NotAttached, Fails(bound));
        FaultRecord fault = Assert.Single(_bench.Unit.Faults.Snapshot());
        Assert.Equal(s_default, fault.Pasid);
        _endpoint.Attach(s_default, NewDomain(0x33));
        Assert.Equal(0x33, Read(bound));
        _endpoint.Attach(s_default, NewDomain(0x44)); // moved
        Assert.Equal(0x44, Read(bound));
        _endpoint.Attach(s_default, null);
        Assert.Equal(FaultReason.NotAttached, Fails(bound));
    }

    /// <summary>What the IOTLB keeps of one PASID is never found for another, whose keys differ in few bits.</summary>
    [Fact]
    public void GivenPASIDsAreTheirOwn()
    {
        Pasid[] pasids = [new(1), new(2), new(3), new(6), s_other, s_default];
        for (int i = 0; i < pasids.Length; i++) _endpoint.Attach(pasids[i], NewDomain((byte)(i + 1)));
        foreach (Pasid own in pasids)
        {
            using DmaPort port = _endpoint.OpenPort(0, own);
            for (int round = 0; round < 2; round++)
            {
                Assert.Equal(Array.IndexOf(pasids, own) + 1, Read(port));
                for (int i = 0; i < pasids.Length; i++)
                {
                    var one = new byte[1];
                    Assert.True(port.Read(pasids[i], new Iova(Iova), one).IsOk);
                    Assert.Equal(i + 1, one[0]);
                }
            }
        }
    }

    [Fact]
    public void BusMasteringOffStopsIt()
    {
        _endpoint.Attach(s_default, NewDomain(0x33));
        using DmaPort bound = _endpoint.OpenPort(0, s_default);
        Assert.Equal(0x33, Read(bound));
        _endpoint.Block = SendBlock.BusMasterDisabled;
        Assert.Equal(FaultReason.BusMasterDisabled, Fails(bound));
        _endpoint.Block = null;
        Assert.Equal(0x33, Read(bound));
    }

    [Fact]
    public void WhatADeviceKeepsByItselfIsOfThePASID()
    {
        PagingDomain domain = NewDomain(0x33);
        _endpoint.Attach(s_default, domain);
        _endpoint.Attach(null, NewDomain(0x11));
        using DmaPort bound = _endpoint.OpenPort(translations: 4, s_default);
        bound.UsesDeviceTlb = true;
        Assert.Equal((0x33, 0x33), (Read(bound), Read(bound)));
        Assert.Equal(1, bound.DeviceTlb!.Hits);
        _endpoint.Attach(null, null);
        Assert.Equal(1, bound.DeviceTlb.Count);
        _endpoint.Attach(s_default, null);
        Assert.Equal(0, bound.DeviceTlb.Count);
        Assert.Equal(FaultReason.NotAttached, Fails(bound));
    }

    [Fact]
    public void ItsPageRequestsCarryThePASID()
    {
        var handler = new Handler();
        PagingDomain domain = NewDomain(0x33);
        domain.PageRequests = handler;
        _endpoint.Attach(s_default, domain);
        using DmaPort bound = _endpoint.OpenPort(0, s_default);
        bound.RequestsPages = true;
        PageResponse? answer = null;
        var request = new PageRequest(null, 3, PageRequestAccess.Read, new Iova(0x5000), IsLast: true);
        Assert.True(bound.RequestPage(request, a => answer = a));
        Assert.Equal(s_default, Assert.Single(Assert.Single(handler.Groups).Requests).Pasid);
        handler.Groups[0].Respond(PageResponse.Success);
        Assert.Equal(PageResponse.Success, answer);
    }

    [Fact]
    public void AResetOfAPartLeavesTheOthersAlone()
    {
        var handler = new Handler();
        using DmaPort bound = _endpoint.OpenPort(translations: 4, s_default);
        using DmaPort other = _endpoint.OpenPort(translations: 4, s_other);
        List<DmaPort> answered = [];
        foreach (DmaPort port in (DmaPort[])[bound, other])
        {
            PagingDomain domain = NewDomain(0x33);
            domain.PageRequests = handler;
            _endpoint.Attach(port.DefaultPasid, domain);
            port.UsesDeviceTlb = port.RequestsPages = true;
            Assert.Equal(0x33, Read(port));
            foreach (bool isLast in (bool[])[true, false]) // the second group is not complete
            {
                var request = new PageRequest(null, isLast ? 1u : 2, PageRequestAccess.Read, new Iova(0x5000), isLast);
                Assert.True(port.RequestPage(request, _ => answered.Add(port)));
            }
        }

        Assert.Equal(4, _endpoint.OutstandingPageRequests);
        _endpoint.Reset(s_default);
        Assert.Equal([bound], answered);
        Assert.Equal((2, 0, 1), (_endpoint.OutstandingPageRequests, bound.DeviceTlb!.Count, other.DeviceTlb!.Count));
        _endpoint.Reset(s_other);
        Assert.Equal([bound, other], answered);
        Assert.Equal(0, _endpoint.OutstandingPageRequests);
    }

    private static int Read(DmaPort port)
    {
        var one = new byte[1];
        Assert.Equal(FaultReason.None, port.Read(new Iova(Iova), one).Reason);
        return one[0];
    }

    private static FaultReason Fails(DmaPort port) => port.Read(new Iova(Iova), new byte[1]).Reason;

    private PagingDomain NewDomain(byte fill)
    {
        PagingDomain domain = _bench.NewDomain();
        _bench.Map(domain, Iova, DmaBench.Page, fill);
        return domain;
    }

    private sealed class Handler : IPageRequestHandler
    {
        internal List<PageRequestGroup> Groups { get; } = [];

        public void Handle(PageRequestGroup group) => Groups.Add(group);

        public void Detached(Attachment attachment)
        {
        }
    }
}
