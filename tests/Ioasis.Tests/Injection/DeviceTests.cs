using Ioasis.Core;
using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Core.Injection;
using Ioasis.Core.Observation;
using Ioasis.Core.PageRequests;
using Ioasis.Core.Pasids;
using Ioasis.Core.Units;
using Ioasis.Diagnostics.Injection;
using Ioasis.Memory;
using Ioasis.Tests.Core;
using Ioasis.Tests.Devices;
using Ioasis.Tests.Units.Vtd;
using Ioasis.Units.Vtd.Nested;
using static Ioasis.Tests.Units.Vtd.NestedBench;

namespace Ioasis.Tests.Injection;

/// <summary>What goes wrong of devices and units does what its word says, and is told once.</summary>
public sealed class DeviceTests
{
    private readonly EventRecorder _seen = new();

    [Fact]
    public void AnAccessIsRefusedAsOneToWhatIsNotMappedAndMovesNothing()
    {
        DmaBench bench = Bench(Rules.Of("dma:fault:when=2+2"));
        Endpoint device = bench.NewEndpoint();
        PagingDomain domain = bench.NewDomain();
        (_, HostBlock block) = bench.Map(domain, 0x1000, 0x1000, 7);
        device.Attach(null, domain);
        using DmaPort port = device.OpenPort();
        port.RequestsPages = true;
        byte[] bytes = new byte[4];
        Assert.True(port.Read(new Iova(0x1000), bytes).IsOk);
        DmaResult refused = port.Write(new Iova(0x1000), bytes.AsSpan(0, 2));
        Assert.Equal((FaultReason.NotMapped, 0, false), (refused.Reason, refused.BytesDone, refused.IsRecoverable));
        Assert.Equal(0x07070707u, block.Read<uint>(0));
        Assert.True(port.Write(new Iova(0x1000), [1, 2, 3, 4]).IsOk); // a hit of the IOTLB asks no less
        Assert.False(port.Read(new Iova(0x1000), bytes).IsOk);
        Assert.Equal(0x04030201u, block.Read<uint>(0));
        Assert.Equal([(true, 0x1000ul), (false, 0x1000ul)],
            _seen.Of<FaultEvent>().Select(f => (f.Fault.IsWrite, f.Iova.Value)));
        Assert.Equal(2, bench.Unit.Faults.Count);
        Told(InjectedFaults.DmaFault, device, 2);
    }

    [Fact]
    public void AnAccessIsDelayedOutsideOfItsPort()
    {
        DmaBench bench = Bench(Rules.Of("dma:delay:delay=60s"));
        Endpoint device = bench.NewEndpoint();
        PagingDomain domain = bench.NewDomain();
        (IovaRange range, _) = bench.Map(domain, 0x1000, 0x1000, 7);
        device.Attach(null, domain);
        using DmaPort port = device.OpenPort();
        using var stop = new CancellationTokenSource();
        DmaResult result = default;
        var engine = new Thread(() =>
        {
            EngineStop.Current = stop.Token;
            result = port.Read(new Iova(0x1000), new byte[4]);
        });
        engine.Start();
        SlotBench.Until(() => _seen.Of<InjectEvent>().Count == 1);
        domain.Mappings.Unmap(range); // waits for no access: none has begun
        Assert.True(engine.IsAlive);
        stop.Cancel(); // as a reset of the device does
        Assert.True(engine.Join(TimeSpan.FromSeconds(20)));
        Assert.Equal(FaultReason.NotMapped, result.Reason);
        Told(InjectedFaults.DmaDelay, device, 1);
    }

    [Fact]
    public void ARuleForOneDeviceLeavesOthersAlone()
    {
        DmaBench bench = Bench(Rules.Of("dma:fault:device=0000:00:01.0"));
        PagingDomain domain = bench.NewDomain();
        bench.Map(domain, 0x1000, 0x1000, 7);
        List<bool> went = [];
        for (int number = 0; number < 3; number++)
        {
            Endpoint device = bench.NewEndpoint();
            device.Attach(null, domain);
            using DmaPort port = device.OpenPort();
            went.Add(port.Read(new Iova(0x1000), new byte[4]).IsOk);
        }

        Assert.Equal([true, false, true], went);
    }

    [Fact]
    public void InterruptsAreLostOrComeTwice()
    {
        var model = new RecordingModel();
        using SlotBench bench = Slot(model, Rules.Of("irq:lost:when=1..2", "irq:doubled:when=3"));
        model.Slot.RaiseMessage(1);
        model.Slot.SetInterruptLine(true);
        model.Slot.SetInterruptLine(false);
        Assert.Equal((0, 0), (bench.Messages, bench.LineRises));
        model.Slot.RaiseMessage(5);
        Assert.Equal((2, 5), (bench.Messages, bench.LastVector));
        model.Slot.SetInterruptLine(true);
        Assert.Equal(1, bench.LineRises);
        // Where messages are off the device still learns it, and uses its line.
        bench.MessagesEnabled = false;
        Assert.False(model.Slot.RaiseMessage(1));
        Assert.Equal([InjectedFaults.InterruptLost, InjectedFaults.InterruptLost, InjectedFaults.InterruptDoubled],
            _seen.Of<InjectEvent>().Select(e => e.Faults));
    }

    [Fact]
    public void ASurpriseResetTakesTheDoorbellWithIt()
    {
        var model = new RecordingModel();
        using SlotBench bench = Slot(model, Rules.Of("device:surprise-reset:when=2"));
        bench.Slot.Write(0, RecordingModel.Parameter.Offset, 4, 1);
        bench.Slot.Write(0, RecordingModel.First.Offset, 8, 11);
        Assert.Equal(1ul, bench.Slot.Read(0, RecordingModel.Parameter.Offset, 4));
        bench.Slot.Write(0, RecordingModel.First.Offset, 8, 12);
        Assert.Equal(1, model.Resets);
        Assert.Equal(0x11223344ul, bench.Slot.Read(0, RecordingModel.Parameter.Offset, 4));
        bench.Slot.Write(0, RecordingModel.First.Offset, 8, 13);
        Assert.Equal([11ul, 13ul], model.Rings.Select(r => r.Value));
        Assert.Single(_seen.Of<ResetEvent>());
        Told(InjectedFaults.DeviceReset, bench.Endpoint, 1);
    }

    [Fact]
    public void ADeviceThatIsGoneReadsAsOnesAndNoResetBringsItBack()
    {
        var model = new RecordingModel();
        using SlotBench bench = Slot(model, Rules.Of("device:gone:when=2"));
        bench.Slot.Write(0, RecordingModel.First.Offset, 8, 11);
        Assert.Equal(0, bench.Failures);
        bench.Slot.Write(0, RecordingModel.First.Offset, 8, 12);
        for (int time = 0; time < 2; time++)
        {
            Assert.Equal(0xffff_fffful, bench.Slot.Read(0, RecordingModel.Fixed.Offset, 4));
            Assert.True(bench.Slot.HasFailed);
            Assert.Equal(1, bench.Failures);
            bench.Slot.Reset();
        }

        Assert.False(bench.Endpoint.CanSend);
        bench.Slot.Write(0, RecordingModel.First.Offset, 8, 13);
        Assert.Equal([11ul], model.Rings.Select(r => r.Value));
        model.Slot.RaiseMessage(0);
        Assert.Equal(0, bench.Messages);
        Told(InjectedFaults.DeviceGone, bench.Endpoint, 1);
    }

    [Fact]
    public void AnInvalidationThatIsDroppedIsAnsweredAsDoneAndLeavesTheStaleEntry()
    {
        const ulong leaf = 3 * Page, iova = 0x40_0000;
        var bench = new NestedBench();
        Prepare(bench.Unit, Rules.Of("inv:dropped:when=1", "inv:slow:delay=1us"));
        NestedCacheTests.BuildTables(bench, Root);
        VtdNestedDomain domain = bench.NewDomain();
        Endpoint endpoint = bench.NewEndpoint();
        endpoint.Attach(null, domain);
        using DmaPort port = endpoint.OpenPort();
        (bool _, ulong before) = Read(port, iova);
        bench.Write(leaf, ((before + 1) * Page) | All);
        Invalidate(domain, iova, 1);
        Assert.Equal((true, before), Read(port, iova));
        Invalidate(domain, iova, 1);
        Assert.Equal((true, before + 1), Read(port, iova));
        Assert.Equal(2, _seen.Of<InvalidateEvent>().Count);
        Assert.Equal(
            [InjectedFaults.InvalidationDropped | InjectedFaults.InvalidationSlow, InjectedFaults.InvalidationSlow],
            _seen.Of<InjectEvent>().Select(e => e.Faults));

        // What an unmap takes away is gone, whatever was dropped.
        bench.Parent.Mappings.Unmap(bench.GuestMapping);
        Assert.False(Read(port, iova).Ok);
    }

    [Fact]
    public void ARequestThatOverflowsIsAnsweredAndReachesNobody()
    {
        DmaBench bench = Bench(Rules.Of("prq:overflow:when=2"));
        Endpoint device = bench.NewEndpoint();
        PagingDomain domain = bench.NewDomain();
        var handler = new Handler();
        domain.PageRequests = handler;
        device.Attach(null, domain);
        List<PageResponse> answers = [];
        bool Ask(bool isLast) => device.RequestPage(
            new PageRequest(null, 3, PageRequestAccess.Read, new Iova(0x1000), isLast), answers.Add);
        Assert.True(Ask(isLast: false));
        Assert.True(Ask(isLast: true));
        Assert.Equal([PageResponse.Success], answers);
        Assert.Empty(handler.Groups);
        Assert.Equal(0, device.OutstandingPageRequests); // also of what came before in the group
        Assert.True(Ask(isLast: true));
        Assert.Single(Assert.Single(handler.Groups).Requests);
        Assert.Equal(3, _seen.Of<PageRequestEvent>().Count);
        Told(InjectedFaults.PageRequestOverflow, device, 1);
    }

    [Fact]
    public void PasidsRunOutAsWhereNoneIsFree()
    {
        InjectionRules rules = Rules.Of("pasid:exhausted:when=2");
        rules.Observers = new Observers();
        rules.Observers.Add(_seen);
        var space = new PasidSpace { Injector = rules };
        var owner = new PasidOwner { Quota = 5 };
        Assert.Equal([IommuStatus.Ok, IommuStatus.NoSpace, IommuStatus.Ok],
            Enumerable.Range(0, 3).Select(_ => space.Allocate(owner, 1, 100, out Pasid _)));
        Assert.Equal(2, space.Count);
        Assert.Equal(IommuStatus.Invalid, space.Allocate(owner, 2, 1, out _));
        Told(InjectedFaults.PasidExhausted, null, 1);
    }

    private void Told(InjectedFaults fault, Endpoint? device, int times) => Assert.Equal(
        Enumerable.Repeat((fault, device), times), _seen.Of<InjectEvent>().Select(e => (e.Faults, e.Endpoint)));

    private DmaBench Bench(InjectionRules rules)
    {
        var bench = new DmaBench();
        Prepare(bench.Unit, rules);
        return bench;
    }

    private SlotBench Slot(RecordingModel model, InjectionRules rules) => new(model, bench: Bench(rules));

    private void Prepare(IommuUnit unit, InjectionRules rules)
    {
        unit.Injector = rules;
        rules.Observers = unit.Observers;
        unit.Observers.Add(_seen);
    }

    private sealed class Handler : IPageRequestHandler
    {
        internal List<PageRequestGroup> Groups { get; } = [];

        public void Handle(PageRequestGroup group) => Groups.Add(group);

        public void Detached(Attachment attachment)
        {
            foreach (PageRequestGroup group in Groups) group.Respond(PageResponse.Invalid);
        }
    }
}
