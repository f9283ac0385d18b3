using Ioasis.Core;
using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Core.PageRequests;
using Ioasis.Memory;

namespace Ioasis.Tests.Core;

/// <summary>PASIDs that the owners of a function's parts choose.</summary>
public sealed class EndpointPartTests
{
    private const ulong At = 0x10000;
    private static readonly EndpointFeatures s_features = new() { PasidBits = 20, PageRequests = 32 };
    private readonly DmaBench _bench = new();
    private readonly Endpoint _endpoint;
    private readonly EndpointPart _one, _two;
    private readonly DmaPort _port, _other;

    public EndpointPartTests()
    {
        _endpoint = _bench.NewEndpoint();
        _one = new EndpointPart(_endpoint, new Pasid(1), s_features);
        _two = new EndpointPart(_endpoint, new Pasid(2), s_features);
        (_port, _other) = (_one.OpenPort(), _two.OpenPort());
    }

    [Fact]
    public void APartHasNoMoreThanItsParentAndItself()
    {
        Assert.Equal((20, 32, false, false), (_one.Enabled.PasidBits, _one.Enabled.PageRequests, _one.Enabled.Ats,
            _one.Enabled.PasidExecute));
        Assert.Equal(EndpointFeatures.None, new EndpointPart(_endpoint, new Pasid(3)).Enabled);
        Assert.Equal((20, 0), (_port.PasidBits, new EndpointPart(_endpoint, new Pasid(3)).OpenPort().PasidBits));
    }

    /// <summary>Also where the number is the hidden PASID's own, on every path of a port.</summary>
    [Theory]
    [InlineData(1u)]
    [InlineData(2u)]
    [InlineData(77u)]
    public void ANumberLeadsToWhatItsOwnerAttachedAndToNothingElse(uint number)
    {
        PagingDomain hidden = Domain(0x11), mine = Domain(0x22), others = Domain(0x33);
        _endpoint.Attach(new Pasid(1), hidden);
        _endpoint.Attach(new Pasid(2), others);
        Assert.Equal(FaultReason.NotAttached, Read(_port, number).Reason);
        Attachment attachment = Attach(_one, number, 100, mine);
        for (int i = 0; i < 3; i++) // of the tables, and of the IOTLB
        {
            Assert.Equal((0x11, 0x22, 0x33),
                (Read(_port, null).Value, Read(_port, number).Value, Read(_other, null).Value));
            Assert.Equal(FaultReason.NotAttached, Read(_other, number).Reason);
            Assert.Equal(FaultReason.NotAttached, Read(_port, 100).Reason);
        }

        using (DmaPort functions = _endpoint.OpenPort())
            Assert.Equal(FaultReason.NotAttached, Read(functions, 100).Reason);
        Assert.Equal(IommuStatus.Ok, _endpoint.Replace(attachment, others, null, out Attachment? moved));
        Assert.Equal(0x33, Read(_port, number).Value);
        Assert.True(_endpoint.Detach(moved!));
        Assert.False(_endpoint.Detach(moved!));
        Assert.Equal(FaultReason.NotAttached, Read(_port, number).Reason);
        Assert.Equal(0x11, Read(_port, null).Value);
    }

    /// <summary>A PASID of a process, for instance, that two parts of one function are to send.</summary>
    [Fact]
    public void TwoPartsSendOnePasid()
    {
        PagingDomain domain = Domain(0x11);
        Attachment first = Attach(_one, 50, 50, domain), second = Attach(_two, 50, 50, domain);
        Assert.Equal(IommuStatus.Busy, _one.Attach(new Pasid(50), new Pasid(50), domain, null, out _));
        Assert.Equal((0x11, 0x11), (Read(_port, 50).Value, Read(_other, 50).Value));
        Assert.True(_endpoint.Detach(first));
        Assert.Equal(FaultReason.NotAttached, Read(_port, 50).Reason);
        Assert.Equal(0x11, Read(_other, 50).Value);
        Assert.True(_endpoint.HasPasids);
        Assert.True(_endpoint.Detach(second));
        Assert.False(_endpoint.HasPasids);
    }

    [Fact]
    public void WhatIsUnmappedIsOutOfReachOfBothWhenTheUnmapReturns()
    {
        PagingDomain domain = Domain(0x11);
        Attach(_one, 50, 50, domain);
        using DmaPort late = _one.OpenPort(); // after the attachment
        Assert.Equal((0x11, 0x11), (Read(_port, 50).Value, Read(late, 50).Value));
        domain.Mappings.Unmap(new IovaRange(At, At + 0xfff));
        Assert.Equal((FaultReason.NotMapped, FaultReason.NotMapped), (Read(_port, 50).Reason, Read(late, 50).Reason));
    }

    [Fact]
    public void ABlockStopsOnePartAndTheParentsStopsAll()
    {
        PagingDomain domain = Domain(0x11);
        Attach(_one, 50, 100, domain);
        Attach(_two, 50, 101, domain);
        _one.Block = SendBlock.BusMasterDisabled;
        Assert.Equal((FaultReason.BusMasterDisabled, 0x11), (Read(_port, 50).Reason, Read(_other, 50).Value));
        _one.Block = null;
        _endpoint.Block = SendBlock.BusMasterDisabled;
        Assert.Equal((FaultReason.BusMasterDisabled, FaultReason.BusMasterDisabled),
            (Read(_port, 50).Reason, Read(_other, 50).Reason));
        _endpoint.Block = null;
        Assert.Equal((0x11, 0x11), (Read(_port, 50).Value, Read(_other, 50).Value));
    }

    [Fact]
    public void FaultsCarryThePasidOfTheHost()
    {
        Attach(_one, 50, 100, _bench.NewDomain());
        Assert.Equal(FaultReason.NotMapped, Read(_port, 50).Reason);
        Assert.Equal(100u, Assert.Single(_bench.Unit.Faults.Snapshot()).Fault.Pasid!.Value.Value);
    }

    [Fact]
    public void AResetAnswersThePageRequestsOfItsPart()
    {
        Pager first = new(), second = new();
        Attach(_one, 50, 50, Domain(0, first));
        Attach(_two, 50, 50, Domain(0, second));
        List<PageResponse> mine = [], others = [];
        Assert.True(Ask(_port, 50, mine));
        Assert.True(Ask(_other, 50, others));
        PageRequest request = Assert.Single(Assert.Single(first.Groups).Requests);
        Assert.Equal((50u, 1), ((uint)request.Pasid!.Value.Value, second.Groups.Count));
        _one.Reset();
        Assert.Equal([PageResponse.Invalid], mine);
        Assert.Empty(others);
        _two.Block = SendBlock.BusMasterDisabled;
        Assert.Equal([PageResponse.Invalid], others);
        Assert.False(Ask(_other, 50, others));
        Assert.True(Ask(_port, 51, mine)); // not attached
        Assert.Equal([PageResponse.Invalid, PageResponse.Invalid], mine);
    }

    /// <summary>Between the look-up and the request, the PASID of the host becomes a neighbour's.</summary>
    [Fact]
    public void APageRequestThatADetachOvertakesComesToNoNeighbour()
    {
        Pager first = new(), second = new();
        Attachment attachment = Attach(_one, 50, 100, Domain(0, first));
        List<PageResponse> answers = [];
        using (StoppedThread device =
            StoppedThread.At("EndpointPart.AttachmentFound", () => Ask(_port, 50, answers)))
        {
            Assert.True(_endpoint.Detach(attachment));
            Attach(_two, 7, 100, Domain(0, second));
            device.GoOn();
        }

        Assert.Equal([PageResponse.Invalid], answers);
        Assert.Empty(second.Groups);
        Assert.Equal(0, _endpoint.OutstandingPageRequests);
    }

    [Fact]
    public void ARequestThatABlockOvertakesIsNotSent()
    {
        Pager pager = new();
        Attach(_one, 50, 100, Domain(0, pager));
        List<PageResponse> answers = [];
        bool sent = true;
        using (StoppedThread device =
            StoppedThread.At("EndpointPart.AttachmentFound", () => sent = Ask(_port, 50, answers)))
        {
            _one.Block = SendBlock.BusMasterDisabled;
            device.GoOn();
        }

        Assert.False(sent);
        Assert.Empty(pager.Groups);
        Assert.Equal(0, _endpoint.OutstandingPageRequests);
    }

    /// <summary>One program attaches and detaches while both have DMA under way.</summary>
    [Fact]
    public void WhenADetachReturnsNoAccessUsesWhatANumberLedTo()
    {
        const int rounds = 2000;
        PagingDomain mine = Domain(0x11);
        Attach(_two, 50, 101, Domain(0x33));
        int phase = 0; // even while nothing is attached
        bool done = false;
        (long Reached, long Wrong) one = default, two = default;
        var reader = new Thread(() =>
        {
            while (!Volatile.Read(ref done))
            {
                int before = Volatile.Read(ref phase);
                (FaultReason reason, byte value) = Read(_port, 50);
                bool isDetached = before % 2 == 0 && Volatile.Read(ref phase) == before;
                if (reason == FaultReason.None) Interlocked.Increment(ref one.Reached);
                if (reason == FaultReason.None && (isDetached || value != 0x11)) one.Wrong++;
            }
        });
        var neighbour = new Thread(() =>
        {
            while (!Volatile.Read(ref done))
            {
                two.Reached++;
                if (Read(_other, 50) != (FaultReason.None, 0x33)) two.Wrong++;
            }
        });
        reader.Start();
        neighbour.Start();
        for (int round = 0; round < rounds; round++)
        {
            Volatile.Write(ref phase, phase + 1);
            Attachment attachment = Attach(_one, 50, 100, mine);
            long reached = Volatile.Read(ref one.Reached);
            // every now and then an access is sure to come before the detach
            if (round % 100 == 0) SpinWait.SpinUntil(() => Volatile.Read(ref one.Reached) > reached, 20_000);
            Assert.True(_endpoint.Detach(attachment));
            Volatile.Write(ref phase, phase + 1);
        }

        Volatile.Write(ref done, true);
        reader.Join();
        neighbour.Join();
        Assert.True(one.Reached >= rounds / 100 && two.Reached > 0);
        Assert.Equal((0L, 0L), (one.Wrong, two.Wrong));
    }

    private PagingDomain Domain(byte fill, IPageRequestHandler? pager = null)
    {
        PagingDomain domain = _bench.NewDomain();
        domain.PageRequests = pager;
        if (fill != 0) _bench.Map(domain, At, 0x1000, fill);
        return domain;
    }

    private static Attachment Attach(EndpointPart part, uint number, uint host, IommuDomain domain)
    {
        Assert.Equal(IommuStatus.Ok,
            part.Attach(new Pasid(number), new Pasid(host), domain, null, out Attachment? attachment));
        Assert.Equal((number, host), (attachment!.Number!.Value.Value, attachment.Pasid!.Value.Value));
        return attachment;
    }

    private static (FaultReason Reason, byte Value) Read(DmaPort port, uint? pasid)
    {
        byte[] bytes = new byte[8];
        DmaResult result = pasid is { } number
            ? port.Read(new Pasid(number), new Iova(At), bytes)
            : port.Read(new Iova(At), bytes);
        return (result.Reason, bytes[0]);
    }

    private static bool Ask(DmaPort port, uint pasid, List<PageResponse> answers)
    {
        port.RequestsPages = true;
        return port.RequestPage(
            new PageRequest(new Pasid(pasid), 0, PageRequestAccess.Read, new Iova(At), IsLast: true), answers.Add);
    }

    private sealed class Pager : IPageRequestHandler
    {
        internal List<PageRequestGroup> Groups { get; } = [];

        public void Handle(PageRequestGroup group)
        {
            if (group.Attachment.IsGone) group.Respond(PageResponse.Invalid);
            else Groups.Add(group);
        }

        public void Detached(Attachment attachment)
        {
            foreach (PageRequestGroup group in Groups.Where(g => g.Attachment == attachment))
                group.Respond(PageResponse.Invalid);
        }
    }
}
