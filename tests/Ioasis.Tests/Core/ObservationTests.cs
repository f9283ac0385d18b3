using Ioasis.Core;
using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Core.Observation;
using Ioasis.Core.PageRequests;
using Ioasis.Memory;
using Ioasis.Memory.Threads;
using Ioasis.Tests.Units.Vtd;

namespace Ioasis.Tests.Core;

/// <summary>An observer sees each event once and in order, and can neither slow, fail nor decide anything.</summary>
public sealed class ObservationTests : IDisposable
{
    private const int Piece = 256 * 1024;
    private readonly DmaBench _bench = new();

    public void Dispose() => HostMessages.Listener = null;

    [Fact]
    public void EveryStepIsToldOnceAndInOrder()
    {
        Endpoint device = _bench.NewEndpoint();
        PagingDomain domain = _bench.NewDomain(), other = _bench.NewDomain();
        var handler = new Answering();
        domain.PageRequests = handler;
        EventRecorder seen = Watch(EventKinds.All);

        (IovaRange range, HostBlock block) = _bench.Map(domain, 0x1000, 0x2000, 7, MapAccess.Read);
        Assert.Equal(IommuStatus.Ok, device.Attach(null, domain, "driver", out Attachment? attached));
        using DmaPort port = device.OpenPort();
        Assert.False(port.Write(new Iova(0x1800), new byte[4]).IsOk);
        Assert.True(port.Read(new Iova(0x1800), new byte[4]).IsOk); // nobody is told of what goes through
        var request = new PageRequest(null, 3, PageRequestAccess.Read, new Iova(0x5000), true);
        Assert.True(device.RequestPage(in request));
        Assert.Equal(IommuStatus.Ok, device.Replace(attached!, other, "other", out Attachment? moved));
        Assert.True(device.Detach(moved!));
        Assert.False(device.Detach(moved!)); // it is over: nothing happens, and nobody is told
        domain.Mappings.Unmap(range);

        EventStamp[] at = [.. seen.Stamps];
        Assert.Equal(Enumerable.Range(1, 8).Select(n => (long)n), at.Select(s => s.Sequence));
        Assert.Equal(at.Select(s => s.Timestamp).Order(), at.Select(s => s.Timestamp));
        MappedMemory memory = Assert.Single(seen.Of<MapEvent>()).Memory;
        Assert.Equal(((ulong)block.Address, false), (memory.Address, memory.IsFile));
        Assert.Equal(
            [
                new MapEvent(at[0], domain.Space, range, MapAccess.Read, memory),
                new AttachEvent(at[1], device, null, domain, null, "driver"),
                new FaultEvent(at[2], device, new DmaFault(device.Id, null, new Iova(0x1800), true,
                    FaultReason.NoPermission, _bench.Unit.SyndromeOf(FaultReason.NoPermission, true))),
                new PageRequestEvent(at[3], device, request),
                new PageResponseEvent(at[4], device, null, 3, PageResponse.Success),
                new AttachEvent(at[5], device, null, other, domain, "other"),
                new DetachEvent(at[6], device, null, other, "other"),
                new UnmapEvent(at[7], domain.Space, range),
            ],
            seen.Events);
        Assert.NotEqual(domain.Space, other.Space);
    }

    [Fact]
    public void WhatATranslationIsTakenFromIsToldBeforeItIsTaken()
    {
        Endpoint device = _bench.NewEndpoint();
        PagingDomain domain = _bench.NewDomain();
        (IovaRange range, _) = _bench.Map(domain, 0x1000, 0x1000, 7);
        Assert.Equal(IommuStatus.Ok, device.Attach(null, domain, null, out Attachment? attached));
        using DmaPort port = device.OpenPort();
        List<bool> reached = [];
        bool Reads() => port.Read(new Iova(0x1000), new byte[8]).IsOk;
        Assert.True(Reads());
        _bench.Unit.Observers.Add(new Looking(() => reached.Add(Reads())));
        device.Detach(attached!);
        Assert.Equal([true], reached);
        Assert.False(Reads());
        Assert.Equal(IommuStatus.Ok, device.Attach(null, domain, null, out _));
        Assert.True(Reads());
        domain.Mappings.Unmap(range);
        Assert.Equal([true, true], reached);
        Assert.False(Reads());
    }

    [Fact]
    public void AFaultOfALongAccessIsToldOnce()
    {
        Endpoint device = _bench.NewEndpoint();
        PagingDomain domain = _bench.NewDomain();
        _bench.Map(domain, 0, 2 * Piece, 1);
        _bench.Map(domain, (2 * Piece) + 0x1000, Piece, 2);
        Assert.Equal(IommuStatus.Ok, device.Attach(null, domain, null, out _));
        using DmaPort port = device.OpenPort();
        EventRecorder seen = Watch(EventKinds.Fault);
        byte[] data = new byte[3 * Piece];
        DmaResult result = port.Read(new Iova(0), data);
        Assert.Equal((FaultReason.NotMapped, 2 * Piece), (result.Reason, result.BytesDone));
        Assert.Equal(2u * Piece, Assert.Single(seen.Of<FaultEvent>()).Iova.Value);
        Assert.Equal(1, _bench.Unit.Faults.Count);
        Assert.Equal(2u * Piece, Assert.Single(_bench.Unit.Faults.Snapshot()).Iova.Value);

        // Each way to fail at once, with and without a PASID.
        Assert.False(port.Read(new Pasid(3), new Iova(0), data).IsOk);
        device.Block = SendBlock.BusMasterDisabled;
        Assert.False(port.Write(new Iova(0), data).IsOk);
        device.Block = null;
        Assert.False(port.Write(new Iova(1UL << 60), data).IsOk);
        Assert.Equal(
            [FaultReason.NotMapped, FaultReason.NotAttached, FaultReason.BusMasterDisabled,
                FaultReason.BeyondAddressWidth],
            seen.Of<FaultEvent>().Select(f => f.Fault.Reason));
        Assert.Equal(4, _bench.Unit.Faults.Count);
    }

    [Fact]
    public void AFaultThatBecomesAPageRequestIsToldWhenTheDeviceGivesUp()
    {
        Endpoint device = _bench.NewEndpoint();
        PagingDomain domain = _bench.NewDomain();
        Assert.Equal(IommuStatus.Ok, device.Attach(null, domain, null, out _));
        using DmaPort port = device.OpenPort();
        port.RequestsPages = true;
        EventRecorder seen = Watch(EventKinds.All);
        DmaResult result = port.Read(new Iova(0x4000), new byte[8]);
        Assert.True(result.IsRecoverable);
        Assert.Empty(seen.Events);
        PageResponse? answer = null;
        var request = new PageRequest(null, 1, PageRequestAccess.Read, new Iova(0x4000), true);
        Assert.True(port.RequestPage(in request, response => answer = response));
        Assert.Equal(PageResponse.Invalid, answer); // nobody answers for the domain
        port.GiveUp(null, new Iova(0x4000), isWrite: false, result);
        Assert.Equal(
            [typeof(PageRequestEvent), typeof(PageResponseEvent), typeof(FaultEvent)],
            seen.Events.Select(e => e.GetType()));
        Assert.Equal(1, _bench.Unit.Faults.Count);
    }

    [Fact]
    public void RequestsOfAGroupHaveOneAnswer()
    {
        Endpoint device = _bench.NewEndpoint();
        PagingDomain domain = _bench.NewDomain();
        var handler = new Answering();
        domain.PageRequests = handler;
        Assert.Equal(IommuStatus.Ok, device.Attach(null, domain, null, out Attachment? attached));
        EventRecorder seen = Watch(EventKinds.PageRequest | EventKinds.PageResponse);
        handler.Answers = false;
        Ask(5, isLast: false);
        Ask(5, isLast: true);
        Ask(6, isLast: false); // its group is never complete: no answer
        Assert.Equal(3, seen.Events.Count);
        device.Detach(attached!);
        Assert.Equal([(5u, PageResponse.Invalid)], seen.Of<PageResponseEvent>().Select(r => (r.Group, r.Response)));
        Assert.False(handler.Waiting[0].Respond(PageResponse.Success));
        Assert.Equal(4, seen.Events.Count);

        void Ask(uint group, bool isLast) => Assert.True(
            device.RequestPage(new PageRequest(null, group, PageRequestAccess.Read, new Iova(0x4000), isLast)));
    }

    [Fact]
    public void AFaultOfEitherStageIsToldOnce()
    {
        var bench = new NestedBench();
        for (ulong table = 0; table < 3; table++)
            bench.Write(table * NestedBench.Page, Next(table + 1) | NestedBench.All);
        bench.Write((3 * NestedBench.Page) + 8, Next(1000) | NestedBench.All); // beyond the guest's memory
        var nested = bench.NewDomain();
        Endpoint device = bench.NewEndpoint();
        Assert.Equal(IommuStatus.Ok, device.Attach(null, nested, null, out _));
        using DmaPort port = device.OpenPort();
        var seen = new EventRecorder(EventKinds.Fault | EventKinds.Invalidate);
        bench.Unit.Observers.Add(seen);
        Assert.False(NestedBench.Read(port, 0).Ok);
        Assert.False(NestedBench.Read(port, NestedBench.Page).Ok);
        Assert.Equal([0, NestedBench.Page], seen.Of<FaultEvent>().Select(f => f.Iova.Value));
        Assert.Equal(2, bench.Unit.Faults.Count);
        Assert.NotEqual(seen.Of<FaultEvent>()[0].Fault.Syndrome, seen.Of<FaultEvent>()[1].Fault.Syndrome);
        NestedBench.Invalidate(nested);
        Assert.Equal((nested, 1),
            (Assert.Single(seen.Of<InvalidateEvent>()).Domain, seen.Of<InvalidateEvent>()[0].Entries));

        static ulong Next(ulong table) => table * NestedBench.Page;
    }

    [Fact]
    public async Task AnObserverThatThrowsIsTakenOffAndToldOnceAndHarmsNobody()
    {
        var told = new TaskCompletionSource<string>();
        HostMessages.Listener = told.SetResult; // a second line would throw
        EventRecorder before = Watch(EventKinds.Fault);
        var bad = new Throwing();
        _bench.Unit.Observers.Add(bad);
        EventRecorder after = Watch(EventKinds.Fault);
        using DmaPort port = _bench.NewEndpoint().OpenPort();
        for (int i = 0; i < 3; i++) Assert.Equal(FaultReason.NotAttached, port.Read(new Iova(0), new byte[1]).Reason);
        Assert.Equal(1, bad.Calls);
        Assert.Equal((3, 3, 3L), (before.Events.Count, after.Events.Count, _bench.Unit.Faults.Count));
        string line = await told.Task.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        Assert.Contains(nameof(Throwing), line, StringComparison.Ordinal);
        Assert.False(_bench.Unit.Observers.Remove(bad));
    }

    [Fact]
    public void AnObserverMayThrowAtAnyEventUnderWhateverLockIsHeld()
    {
        HostMessages.Listener = static _ => { };
        Observers observers = _bench.Unit.Observers;
        EventKinds[] kinds = [EventKinds.Map, EventKinds.Attach, EventKinds.Fault, EventKinds.PageRequest,
            EventKinds.PageResponse, EventKinds.Detach, EventKinds.Unmap];
        Throwing[] bad = [.. kinds.Select(kind => new Throwing(kind))];
        foreach (Throwing one in bad) observers.Add(one);
        Endpoint device = _bench.NewEndpoint();
        PagingDomain domain = _bench.NewDomain();
        domain.PageRequests = new Answering();
        using DmaPort port = device.OpenPort();
        (IovaRange range, _) = _bench.Map(domain, 0x1000, 0x1000, 7, MapAccess.Read);
        Assert.Equal(IommuStatus.Ok, device.Attach(null, domain, null, out Attachment? attached));
        Assert.Equal(FaultReason.NoPermission, port.Write(new Iova(0x1000), new byte[1]).Reason);
        Assert.True(device.RequestPage(new PageRequest(null, 1, PageRequestAccess.Read, new Iova(0x4000), true)));
        Assert.Equal(0, device.OutstandingPageRequests);
        Assert.True(port.Read(new Iova(0x1000), new byte[1]).IsOk);
        Assert.True(device.Detach(attached!));
        domain.Mappings.Unmap(range);
        Assert.All(bad, one => Assert.Equal(1, one.Calls));
        Assert.All(bad, one => Assert.False(observers.Remove(one)));
    }

    [Fact]
    public void TellingAllocatesNothing()
    {
        var counting = new Counting();
        _bench.Unit.Observers.Add(counting);
        using DmaPort port = _bench.NewEndpoint().OpenPort();
        byte[] data = new byte[1];
        int reads = 0;
        Allocation.None(() =>
        {
            port.Read(new Iova(0), data);
            reads++;
        });
        Assert.Equal(reads, counting.Faults);
    }

    [Fact]
    public void ObserversComeAndGoWhileTheMachineRuns()
    {
        Observers observers = _bench.Unit.Observers;
        using DmaPort port = _bench.NewEndpoint().OpenPort();
        port.Read(new Iova(0), new byte[1]);
        EventRecorder one = Watch(EventKinds.Fault), two = Watch(EventKinds.Map);
        Assert.Throws<ArgumentException>(() => observers.Add(one));
        Assert.False(observers.Want(EventKinds.Attach));
        port.Read(new Iova(0), new byte[1]);
        Assert.True(observers.Remove(one));
        Assert.False(observers.Remove(one));
        port.Read(new Iova(0), new byte[1]);
        Assert.Single(one.Events);
        Assert.Empty(two.Events);
        Assert.True(observers.Want(EventKinds.Map));
        Assert.True(observers.Remove(two));
        Assert.False(observers.Want(EventKinds.All & ~EventKinds.Fault)); // the log of faults stays
        Assert.Equal(3, _bench.Unit.Faults.Count);
    }

    [Fact]
    public void ThreadsAreSeenEachInItsOwnOrder()
    {
        const int threads = 4, rounds = 200;
        EventRecorder seen = Watch(EventKinds.All);
        Endpoint[] devices = [.. Enumerable.Range(0, threads).Select(_ => _bench.NewEndpoint())];
        PagingDomain[] domains = [.. devices.Select(_ => _bench.NewDomain())];
        Parallel.For(0, threads, new ParallelOptions { MaxDegreeOfParallelism = threads }, n =>
        {
            var memory = new OwnAddressSpace();
            HostBlock block = memory.Allocate(0x1000);
            using DmaPort port = devices[n].OpenPort();
            for (int i = 0; i < rounds; i++)
            {
                MemoryBacking backing = memory.Reference(new Hva((ulong)block.Address), 0x1000, writable: true);
                Assert.True(backing.TryPopulate());
                var range = new IovaRange((ulong)i << 12, ((ulong)i << 12) | 0xfff);
                domains[n].Mappings.Map(range, backing, 0, MapAccess.Read);
                Assert.Equal(IommuStatus.Ok, devices[n].Attach(null, domains[n], n, out Attachment? attached));
                Assert.False(port.Write(new Iova(range.First), new byte[1]).IsOk);
                devices[n].Detach(attached!);
                domains[n].Mappings.Unmap(range);
                backing.Release();
            }
        });

        Assert.Equal(Enumerable.Range(1, threads * rounds * 5).Select(s => (long)s),
            seen.Stamps.Select(s => s.Sequence));
        for (int n = 0; n < threads; n++)
        {
            object space = domains[n].Space;
            Endpoint device = devices[n];
            Assert.Equal(
                Enumerable.Range(0, rounds)
                .SelectMany(i => (string[])[$"map {i}", "attach", $"fault {i}", "detach", $"unmap {i}"]),
                seen.Events.Select(e => e switch
                {
                    MapEvent map when map.Space == space => $"map {map.Range.First >> 12}",
                    UnmapEvent unmap when unmap.Space == space => $"unmap {unmap.Range.First >> 12}",
                    AttachEvent attach when attach.Endpoint == device => "attach",
                    DetachEvent detach when detach.Endpoint == device => "detach",
                    FaultEvent fault when fault.Endpoint == device => $"fault {fault.Iova.Value >> 12}",
                    _ => null,
                }).OfType<string>());
        }
    }

    private EventRecorder Watch(EventKinds kinds)
    {
        var recorder = new EventRecorder(kinds);
        _bench.Unit.Observers.Add(recorder);
        return recorder;
    }

    private sealed class Answering : IPageRequestHandler
    {
        internal bool Answers { get; set; } = true;

        internal List<PageRequestGroup> Waiting { get; } = [];

        public void Handle(PageRequestGroup group)
        {
            if (Answers) group.Respond(PageResponse.Success);
            else Waiting.Add(group);
        }

        public void Detached(Attachment attachment)
        {
            foreach (PageRequestGroup group in Waiting) group.Respond(PageResponse.Invalid);
        }
    }

    private sealed class Looking(Action look) : MachineObserver
    {
        public override EventKinds Kinds => EventKinds.Unmap | EventKinds.Detach;

        public override void OnUnmap(in UnmapEvent e) => look();

        public override void OnDetach(in DetachEvent e) => look();
    }

    private sealed class Counting : MachineObserver
    {
        internal int Faults { get; private set; }

        public override void OnFault(in FaultEvent e) => Faults++;
    }

    private sealed class Throwing(EventKinds kinds = EventKinds.Fault) : MachineObserver
    {
        internal int Calls { get; private set; }

        public override EventKinds Kinds => kinds;

        public override void OnMap(in MapEvent e) => Throw();

        public override void OnUnmap(in UnmapEvent e) => Throw();

        public override void OnAttach(in AttachEvent e) => Throw();

        public override void OnDetach(in DetachEvent e) => Throw();

        public override void OnPageRequest(in PageRequestEvent e) => Throw();

        public override void OnPageResponse(in PageResponseEvent e) => Throw();

        public override void OnFault(in FaultEvent e) => Throw();

        private void Throw()
        {
            Calls++;
            throw new InvalidOperationException("an observer's own mistake");
        }
    }
}
