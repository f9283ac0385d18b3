using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Core.PageRequests;
using Ioasis.Devices;
using Ioasis.Memory;

namespace Ioasis.Tests.Devices;

/// <summary>dmatest's channels, PASIDs, ATS and page requests.</summary>
public sealed class DmaTestChannelTests : IDisposable
{
    private const uint Start = 1, ToDevice = 3, PasidEnable = 1u << 31, Ats = 1, Pri = 2;
    private const uint Done = 1, Fault = 2, BadLength = 3, BadPasid = 4;
    private readonly SlotBench _bench = new(new DmaTestDevice());
    private readonly Handler _handler = new();

    public void Dispose() => _bench.Dispose();

    [Fact]
    public void EachChannelHasItsOwnTableAndItsOwnPartOfTheBuffer()
    {
        var blocks = new HostBlock[4];
        for (uint channel = 0; channel < 4; channel++)
        {
            PagingDomain domain = _bench.NewDomain();
            (_, blocks[channel]) = _bench.Map(domain, 0x10000, (byte)(0x20 + channel));
            _bench.Endpoint.Attach(new Pasid(100 + channel), domain);
        }

        for (uint channel = 0; channel < 4; channel++)
        {
            Set(channel, 0x2c, PasidEnable | (100 + channel));
            Set(channel, 0x38, channel * 1024);
            Begin(channel, 0x10000, 1024, ToDevice);
        }

        for (uint channel = 0; channel < 4; channel++)
        {
            Assert.Equal((Done, 0u), Wait(channel));
            Assert.Equal(0x20 + channel, _bench.Slot.Read(2, (channel * 1024) + 1023, 1));
        }

        // And back: each writes what another read into its own memory.
        for (uint channel = 0; channel < 4; channel++)
        {
            Set(channel, 0x38, (channel + 1) % 4 * 1024);
            Begin(channel, 0x10000, 1024, Start);
        }

        for (uint channel = 0; channel < 4; channel++)
        {
            Assert.Equal((Done, 0u), Wait(channel));
            Assert.Equal(0x20 + ((channel + 1) % 4), blocks[channel].Read<byte>(5));
            Assert.Equal(2ul, Get(channel, 0x20, 8));
        }
    }

    [Fact]
    public void AccessesAreAsLongAsItIsToldAndAreCounted()
    {
        _bench.Map(0x10000, 0x1000, 1);
        Assert.Equal((Done, 0u), Run(0, 0x10000, 4096, ToDevice));
        Assert.Equal(1ul, Get(0, 0x68, 8));
        Set(0, 0x44, 24);
        Assert.Equal((Done, 0u), Run(0, 0x10000, 4096, ToDevice));
        Assert.Equal(1ul + 171, Get(0, 0x68, 8)); // the last one is shorter
        Set(0, 0x70, 2);
        Assert.Equal((Done, 0u), Run(0, 0x10000, 48, ToDevice));
        Assert.Equal(1ul + 171 + (3 * 2), Get(0, 0x68, 8));
        // not done, so not again
        Assert.Equal((Fault, (uint)FaultReason.NotMapped), Run(0, 0x11000 - 24, 48, ToDevice));
        Assert.Equal(1ul + 171 + (3 * 2) + 2, Get(0, 0x68, 8));
        Assert.Equal(4ul, Get(0, 0x20, 8));
        Set(0, 0x70, uint.MaxValue);
        Begin(0, 0x10000, 48, ToDevice);
        _bench.Slot.Reset(); // ends what would not end
        Set(0, 0x44, 0);
        Assert.Equal((Done, 0u), Run(0, 0x10000, 4096, ToDevice));
    }

    [Fact]
    public void APASIDThatTheFunctionCannotSendAndABufferThatIsTooShortAreTold()
    {
        Set(1, 0x2c, PasidEnable | (1 << 20));
        Begin(1, 0x10000, 64, ToDevice);
        Assert.Equal((BadPasid, 0u), Wait(1));
        Set(1, 0x2c, 1 << 20); // not enabled, not looked at
        Begin(1, 0x10000, 64, ToDevice);
        Assert.Equal((Fault, (uint)FaultReason.NotMapped), Wait(1));
        foreach ((uint offset, uint length) in ((uint, uint)[])[(4096, 1), (1, 4096), (uint.MaxValue, 2), (4033, 64)])
        {
            Set(1, 0x38, offset);
            Begin(1, 0x10000, length, ToDevice);
            Assert.Equal((BadLength, 0u), Wait(1));
        }
    }

    [Fact]
    public void WithATSItKeepsTranslationsUntilItIsToldOrForgetsThem()
    {
        _bench.Map(0x10000, 0x1000, 1);
        Set(0, 0x30, Ats);
        for (int i = 0; i < 3; i++) Assert.Equal((Done, 0u), Run(0, 0x10000, 64, ToDevice));
        Assert.Equal((2ul, 1ul), (Get(0, 0x50, 8), Get(0, 0x58, 8)));
        Set(0, 0x34, 1);
        Run(0, 0x10000, 64, ToDevice);
        Assert.Equal((2ul, 2ul, 0ul), (Get(0, 0x50, 8), Get(0, 0x58, 8), Get(0, 0x60, 8)));
        Set(0, 0x34, 1); // the same value once more
        Run(0, 0x10000, 64, ToDevice);
        Assert.Equal(3ul, Get(0, 0x58, 8));
    }

    [Fact]
    public void APageThatIsMissingIsAskedForAndTheCopyGoesOn()
    {
        Serve();
        _bench.Map(0x10000, 0x1000, 0x5a);
        Set(0, 0x30, Pri);
        Set(0, 0x3c, 0x2a7);
        Begin(0, 0x10800, 4096, ToDevice);
        PageRequestGroup group = _handler.Wait();
        Assert.Equal(new PageRequest(null, 0xa7, PageRequestAccess.Read, new Iova(0x11000), true),
            Assert.Single(group.Requests));
        Assert.Equal((1u, 1ul), ((uint)Get(0, 0x40, 4), Get(0, 0x48, 8)));
        Assert.Equal(1u, Get(0, 0x08, 4) & 1); // it waits
        _bench.Map(0x11000, 0x1000, 0x6b);
        group.Respond(PageResponse.Success);
        Assert.Equal((Done, 0u), Wait(0));
        Assert.Equal(2u, Get(0, 0x40, 4));
        Assert.Equal(0x5au, _bench.Slot.Read(2, 0x7ff, 1));
        Assert.Equal(0x6bu, _bench.Slot.Read(2, 0x800, 1));
        Assert.Empty(Faults());
    }

    [Theory]
    [InlineData(PageResponse.Invalid, 3u)]
    [InlineData(PageResponse.Failure, 4u)]
    public void AnAnswerThatRefusesEndsTheCommandWithItsFaultRecorded(PageResponse response, uint told)
    {
        Serve();
        _bench.Endpoint.Attach(new Pasid(9), _bench.Domain);
        Set(2, 0x30, Pri);
        Set(2, 0x2c, PasidEnable | 9);
        Begin(2, 0x10234, 8, Start);
        PageRequestGroup group = _handler.Wait();
        Assert.Equal(new PageRequest(new Pasid(9), 0, PageRequestAccess.Write, new Iova(0x10000), true),
            Assert.Single(group.Requests));
        Assert.Empty(Faults());
        group.Respond(response);
        Assert.Equal((Fault, (uint)FaultReason.NotMapped), Wait(2));
        Assert.Equal(told, Get(2, 0x40, 4));
        Assert.Equal(new Iova(0x10234), Assert.Single(Faults()).Iova);
    }

    [Fact]
    public void AnAnswerThatPromisesTooMuchIsFollowedByTheNextRequest()
    {
        Serve();
        Set(0, 0x30, Pri);
        Begin(0, 0x10000, 8, ToDevice);
        for (int i = 0; i < 3; i++) _handler.Wait().Respond(PageResponse.Success);
        PageRequestGroup last = _handler.Wait();
        Assert.Equal(4ul, Get(0, 0x48, 8));
        _bench.Map(0x10000, 0x1000, 1);
        last.Respond(PageResponse.Success);
        Assert.Equal((Done, 0u), Wait(0));
    }

    [Fact]
    public void AResetEndsTheWaitingAndTheRequest()
    {
        Serve();
        for (uint channel = 0; channel < 4; channel++)
        {
            Set(channel, 0x30, Pri);
            Begin(channel, 0x10000 + (channel << 12), 8, ToDevice);
        }

        PageRequestGroup[] groups = [.. Enumerable.Range(0, 4).Select(_ => _handler.Wait())];
        Assert.Equal(4, _bench.Endpoint.OutstandingPageRequests);
        _bench.Slot.Reset();
        Assert.Equal(0, _bench.Endpoint.OutstandingPageRequests);
        Assert.All(groups, g => Assert.False(g.Respond(PageResponse.Success)));
        for (uint channel = 0; channel < 4; channel++)
            Assert.Equal((0ul, 0ul, 0ul), (Get(channel, 0x08, 4), Get(channel, 0x40, 4), Get(channel, 0x48, 8)));
        _bench.Map(0x10000, 0x1000, 1);
        Assert.Equal((Done, 0u), Run(3, 0x10000, 8, ToDevice));
    }

    [Fact]
    public void BusMasteringOffAndADetachEndTheWaiting()
    {
        Serve();
        Set(0, 0x30, Pri);
        Begin(0, 0x10000, 8, ToDevice);
        _handler.Wait();
        _bench.Endpoint.Block = SendBlock.BusMasterDisabled;
        Assert.Equal(Fault, Wait(0).Status);
        Assert.Equal((Fault, (uint)FaultReason.BusMasterDisabled), Run(0, 0x10000, 8, ToDevice));
        _bench.Endpoint.Block = null;
        Begin(0, 0x10000, 8, ToDevice);
        _handler.Wait();
        _bench.Endpoint.Attach(null, null);
        Assert.Equal((Fault, (uint)FaultReason.NotMapped), Wait(0));
        Assert.Equal((Fault, (uint)FaultReason.NotAttached), Run(0, 0x10000, 8, ToDevice));
    }

    private void Serve()
    {
        _bench.Endpoint.Attach(null, null);
        _bench.Domain.PageRequests = _handler;
        _bench.Endpoint.Attach(null, _bench.Domain);
    }

    private IReadOnlyList<FaultRecord> Faults() => _bench.Endpoint.Unit.Faults.Snapshot();

    private void Set(uint channel, uint register, uint value) =>
        _bench.Slot.Write(0, (channel * 0x100) + register, 4, value);

    private ulong Get(uint channel, uint register, int width) =>
        _bench.Slot.Read(0, (channel * 0x100) + register, width);

    private void Begin(uint channel, ulong iova, uint length, uint command)
    {
        _bench.Slot.Write(0, channel * 0x100, 8, iova);
        Set(channel, 0x10, length);
        Set(channel, 0x08, command);
    }

    private (uint Status, uint Reason) Wait(uint channel)
    {
        SlotBench.Until(() => (Get(channel, 0x08, 4) & 1) == 0);
        return ((uint)Get(channel, 0x14, 4), (uint)Get(channel, 0x18, 4));
    }

    private (uint Status, uint Reason) Run(uint channel, ulong iova, uint length, uint command)
    {
        Begin(channel, iova, length, command);
        return Wait(channel);
    }

    /// <summary>Hands groups to the test; what an attachment leaves unanswered is refused with its end.</summary>
    private sealed class Handler : IPageRequestHandler
    {
        private readonly List<PageRequestGroup> _all = [];
        private int _taken;

        public void Handle(PageRequestGroup group)
        {
            lock (_all) _all.Add(group);
        }

        public void Detached(Attachment attachment)
        {
            PageRequestGroup[] groups;
            lock (_all) groups = [.. _all];
            foreach (PageRequestGroup group in groups.Where(g => g.Attachment == attachment))
                group.Respond(PageResponse.Invalid);
        }

        internal PageRequestGroup Wait()
        {
            SlotBench.Until(() => { lock (_all) return _all.Count > _taken; });
            lock (_all) return _all[_taken++];
        }
    }
}
