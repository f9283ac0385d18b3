using System.Collections.Concurrent;
using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.PageRequests;
using Ioasis.Memory;

namespace Ioasis.Tests.Core;

/// <summary>
/// Page requests are answered once, whatever comes between, and a device never has more than its share without an
/// answer.
/// </summary>
public sealed class PageRequestTests
{
    private readonly DmaBench _bench =
        new() { Features = new EndpointFeatures { PasidBits = 20, Ats = true, PageRequests = 3 } };
    private readonly Endpoint _endpoint;
    private readonly PagingDomain _domain;
    private readonly Handler _handler = new();
    private readonly ConcurrentQueue<(uint Group, PageResponse Response)> _answers = new();

    public PageRequestTests()
    {
        _endpoint = _bench.NewEndpoint();
        _domain = _bench.NewDomain();
        _domain.PageRequests = _handler;
        _endpoint.Attach(null, _domain);
    }

    [Fact]
    public void AGroupIsAnsweredWithItsLastRequestAndOnce()
    {
        Assert.True(Ask(4, isLast: false));
        Assert.True(Ask(5));
        Assert.True(Ask(4));
        Assert.Equal([1, 2], _handler.Groups.Select(g => g.Requests.Count));
        Assert.Equal(3, _endpoint.OutstandingPageRequests);
        Assert.True(_handler.Groups[1].Respond(PageResponse.Success));
        Assert.False(_handler.Groups[1].Respond(PageResponse.Invalid));
        Assert.Equal([(4u, PageResponse.Success)], _answers);
        Assert.Equal(1, _endpoint.OutstandingPageRequests);
    }

    [Fact]
    public void ADeviceHasNoMoreThanItsShareWithoutAnAnswer()
    {
        for (uint group = 0; group < 3; group++) Assert.True(Ask(group, isLast: group != 1));
        Assert.False(Ask(9));
        Assert.False(Ask(1));
        Assert.Equal(2, _handler.Groups.Count);
        _handler.Groups[0].Respond(PageResponse.Invalid);
        Assert.True(Ask(9));
        Assert.False(Ask(10, isLast: false));
        Assert.Equal(3, _endpoint.OutstandingPageRequests);
        Assert.Equal([(0u, PageResponse.Invalid)], _answers); // what was not sent has no answer
    }

    [Fact]
    public void ADetachAnswersWhatIsOfThatAttachmentOnly()
    {
        _endpoint.Attach(new Pasid(7), _domain);
        Ask(1);
        Ask(2, pasid: new Pasid(7));
        _endpoint.Attach(new Pasid(7), null);
        Assert.Equal([(2u, PageResponse.Invalid)], _answers);
        Assert.Equal(1, _endpoint.OutstandingPageRequests);
        Assert.True(Ask(3, pasid: new Pasid(7))); // nobody is there: answered at once
        Assert.Equal((3u, PageResponse.Invalid), _answers.Last());
        _endpoint.Attach(null, null);
        Assert.Equal(0, _endpoint.OutstandingPageRequests);
    }

    [Fact]
    public void ADetachForgetsWhatIsNotComplete()
    {
        PagingDomain second = _bench.NewDomain();
        var next = new Handler();
        second.PageRequests = next;
        var pasid = new Pasid(7);
        _endpoint.Attach(pasid, _domain);
        Assert.True(Ask(4, isLast: false, pasid: pasid));
        _endpoint.Attach(pasid, null);
        Assert.Equal(0, _endpoint.OutstandingPageRequests);

        // The next owner of the PASID sees nothing of it.
        _endpoint.Attach(pasid, second);
        Assert.True(Ask(4, pasid: pasid));
        Assert.Single(next.Groups[0].Requests);
    }

    [Fact]
    public void AReplacementForgetsWhatIsNotComplete()
    {
        PagingDomain second = _bench.NewDomain();
        var next = new Handler();
        second.PageRequests = next;
        Assert.True(Ask(4, isLast: false));
        _endpoint.Attach(null, second);
        Assert.True(Ask(4));
        Assert.Single(next.Groups[0].Requests);
        Assert.Equal(1, _endpoint.OutstandingPageRequests);
    }

    [Fact]
    public void DetachesWithinAGroupTakeNothingFromTheDevicesShare()
    {
        for (uint n = 0; n < 3; n++)
        {
            var pasid = new Pasid(n + 1);
            _endpoint.Attach(pasid, _domain);
            Assert.True(Ask(n, isLast: false, pasid: pasid));
            _endpoint.Attach(pasid, null);
            Assert.True(Ask(n, pasid: pasid)); // the last of the group: nobody is there
        }

        Assert.True(Ask(9));
        Assert.Single(_handler.Groups);
    }

    [Fact]
    public void ANumberStandsForOneGroupOfEachPasid()
    {
        var pasid = new Pasid(7);
        _endpoint.Attach(pasid, _domain);
        Assert.True(Ask(4, isLast: false));
        Assert.True(Ask(4, pasid: pasid));
        Assert.Equal([pasid], _handler.Groups[0].Requests.Select(r => r.Pasid));
        Assert.True(Ask(4));
        Assert.Equal([null, null], _handler.Groups[1].Requests.Select(r => r.Pasid));
    }

    [Fact]
    public void WhereNobodyIsOnlyTheLastRequestHasAnAnswer()
    {
        _endpoint.Attach(null, null);
        Assert.True(Ask(4, isLast: false));
        Assert.Empty(_answers);
        Assert.True(Ask(4));
        Assert.Equal([(4u, PageResponse.Invalid)], _answers);
        Assert.Equal(0, _endpoint.OutstandingPageRequests);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ARequestThatADetachOvertakesIsNobodys(bool isLast)
    {
        bool sent = false;
        using (StoppedThread device = StoppedThread.At("Endpoint.HandlerFound", () => sent = Ask(4, isLast)))
        {
            _endpoint.Attach(null, null);
            device.GoOn();
        }

        Assert.True(sent);
        Assert.Equal(0, _endpoint.OutstandingPageRequests);
        Assert.Equal(isLast ? [(4u, PageResponse.Invalid)] : [], _answers);
        _endpoint.Attach(null, _domain);
        Assert.True(Ask(4));
        Assert.Single(_handler.Groups.Single().Requests);
    }

    [Fact]
    public void AResetAnswersAllAndForgetsWhatIsNotComplete()
    {
        Ask(1);
        Ask(2, isLast: false);
        _endpoint.Reset();
        Assert.Equal([(1u, PageResponse.Invalid)], _answers);
        Assert.Equal(0, _endpoint.OutstandingPageRequests);
        // the program's answer comes too late, and does no harm
        Assert.False(_handler.Groups[0].Respond(PageResponse.Success));
        Assert.True(Ask(2));
        Assert.Single(_handler.Groups[1].Requests);
    }

    [Fact]
    public void WithBusMasteringOffAllIsAnsweredAndNothingIsSent()
    {
        Ask(1);
        _endpoint.Block = SendBlock.BusMasterDisabled;
        Assert.Equal([(1u, PageResponse.Invalid)], _answers);
        Assert.False(Ask(2));
        _endpoint.Block = null;
        Assert.True(Ask(3));
    }

    [Fact]
    public void AFunctionWithoutPRISendsNone()
    {
        var bench = new DmaBench { Features = new EndpointFeatures { PasidBits = 20 } };
        Endpoint endpoint = bench.NewEndpoint();
        endpoint.Attach(null, _domain);
        using DmaPort port = endpoint.OpenPort();
        port.RequestsPages = true;
        Assert.False(port.RequestsPages);
        Assert.False(endpoint.RequestPage(new PageRequest(null, 1, PageRequestAccess.Read, new Iova(0), true),
                _ => Assert.Fail("answered")));
    }

    /// <summary>
    /// Requests, answers, moves and resets at once: each request that was sent gets one answer, and in the end none is
    /// missing.
    /// </summary>
    [Fact]
    public void EveryRequestHasOneAnswerWhateverComesBetween()
    {
        PagingDomain other = _bench.NewDomain();
        var second = new Handler();
        other.PageRequests = second;
        bool stop = false;
        long sent = 0, most = 0;
        var engines = Enumerable.Range(0, 2).Select(n => new Thread(() =>
        {
            for (uint group = (uint)n; !Volatile.Read(ref stop); group += 2)
                if (Ask(group)) Interlocked.Increment(ref sent);
        })).ToArray();
        var program = new Thread(() =>
        {
            while (!Volatile.Read(ref stop))
            {
                _handler.RespondToAll(PageResponse.Success);
                second.RespondToAll(PageResponse.Success);
                most = Math.Max(most, _endpoint.OutstandingPageRequests);
            }
        });
        foreach (Thread thread in engines.Append(program)) thread.Start();
        for (int round = 0; round < 500 || Interlocked.Read(ref sent) < 500; round++)
        {
            switch (round % 4)
            {
                case 0: _endpoint.Attach(null, other); break;
                case 1: _endpoint.Reset(); break;
                case 2: _endpoint.Attach(null, null); break;
                default: _endpoint.Attach(null, _domain); break;
            }
        }

        Volatile.Write(ref stop, true);
        foreach (Thread thread in engines.Append(program)) thread.Join();
        _endpoint.Attach(null, null);
        Assert.Equal(0, _endpoint.OutstandingPageRequests);
        Assert.Equal(Interlocked.Read(ref sent), _answers.Count);
        Assert.Equal(_answers.Count, _answers.Select(a => a.Group).Distinct().Count());
        Assert.True(most <= 3);
    }

    private bool Ask(uint group, bool isLast = true, Pasid? pasid = null) => _endpoint.RequestPage(
        new PageRequest(pasid, group, PageRequestAccess.Read, new Iova(0x1000), isLast), response =>
            _answers.Enqueue((group, response)));

    /// <summary>Keeps the groups until they are answered or their attachment ends.</summary>
    private sealed class Handler : IPageRequestHandler
    {
        private readonly Lock _lock = new();
        private readonly List<PageRequestGroup> _groups = [];

        internal IReadOnlyList<PageRequestGroup> Groups
        {
            get { lock (_lock) return [.. _groups]; }
        }

        public void Handle(PageRequestGroup group)
        {
            lock (_lock)
            {
                if (!group.Attachment.IsGone)
                {
                    _groups.Add(group);
                    return;
                }
            }

            group.Respond(PageResponse.Invalid);
        }

        public void Detached(Attachment attachment) => Respond(PageResponse.Invalid, g => g.Attachment == attachment);

        internal void RespondToAll(PageResponse response) => Respond(response, _ => true);

        private void Respond(PageResponse response, Predicate<PageRequestGroup> which)
        {
            List<PageRequestGroup> groups;
            lock (_lock)
            {
                groups = _groups.FindAll(which);
                _groups.RemoveAll(which);
            }

            foreach (PageRequestGroup group in groups) group.Respond(response);
        }
    }
}
