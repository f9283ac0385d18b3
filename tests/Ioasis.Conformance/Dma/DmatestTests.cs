using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Core.Domains;

namespace Ioasis.Conformance.Dma;

/// <summary>
/// What a device is told of its DMA, DMA that is under way when its ground is taken away, reset, and MSI-X.
/// </summary>
public sealed class DmatestTests : UapiTest
{
    private const uint PauseMicroseconds = 2000;
    private static readonly Memory.Iova s_iova = At(0x100000);
    private readonly IommuContext _context;
    private readonly Ioas _ioas;
    private readonly VfioDevice _device;
    private readonly DmatestEngine _engine;
    private readonly UserMemory _memory;

    public DmatestTests()
    {
        _context = OpenContext();
        _ioas = _context.AllocateIoas();
        _device = OpenBound(DmatestNode, _context);
        _device.Reset();
        _engine = new DmatestEngine(_device);
        _memory = Pages(2);
    }

    [Fact]
    public void Each_refusal_has_its_reason_and_a_DMA_after_it_works()
    {
        Refused(s_iova, 64, DmatestEngine.ToDevice, DmatestEngine.NotAttached);
        _device.Attach(_ioas);
        Refused(s_iova, 64, DmatestEngine.ToDevice, DmatestEngine.NotMapped);
        _ioas.Map(_memory, Read, s_iova);
        Done(s_iova, 64, DmatestEngine.ToDevice);
        Refused(s_iova, 64, 0, DmatestEngine.NoPermission);
        Refused(At(s_iova.Value + (2 * Page) - 64), 65, DmatestEngine.ToDevice, DmatestEngine.NotMapped);
        Refused(At(s_iova.Value - 1), 64, DmatestEngine.ToDevice, DmatestEngine.NotMapped);
        Refused(At(0xfee00000), 4, 0, DmatestEngine.NotMapped);
        Refused(At(ulong.MaxValue - 63), 64, 0, DmatestEngine.BeyondWidth);
        _ioas.UnmapAll();
        _ioas.Map(_memory, MapAccess.Write, s_iova);
        Refused(s_iova, 64, DmatestEngine.ToDevice, DmatestEngine.NoPermission);
        Done(s_iova, 64, 0);
        _device.EnableBusMaster(false);
        Refused(s_iova, 64, 0, DmatestEngine.BusMasterOff);
        _device.EnableBusMaster();
        Done(s_iova, 64, 0);
        _device.Detach();
        Refused(s_iova, 64, 0, DmatestEngine.NotAttached);
    }

    [Fact]
    public void When_an_unmap_returns_a_DMA_under_way_writes_no_more()
    {
        _device.Attach(_ioas);
        _ioas.Map(_memory, at: s_iova);
        UnderWay(() => _ioas.Unmap(s_iova, 2 * Page), DmatestEngine.NotMapped);
    }

    [Fact]
    public void When_a_detach_returns_a_DMA_under_way_writes_no_more()
    {
        _device.Attach(_ioas);
        _ioas.Map(_memory, at: s_iova);
        UnderWay(() => _device.Detach(), DmatestEngine.NotAttached);
    }

    [Fact]
    public void When_a_move_returns_a_DMA_under_way_writes_no_more_where_it_was()
    {
        _device.Attach(_ioas);
        _ioas.Map(_memory, at: s_iova);
        Ioas second = _context.AllocateIoas();
        UnderWay(() => _device.Attach(second), DmatestEngine.NotMapped);
    }

    [Fact]
    public void A_move_to_the_same_mapping_lets_a_DMA_under_way_finish()
    {
        _device.Attach(_ioas);
        _ioas.Map(_memory, at: s_iova);
        Ioas second = _context.AllocateIoas();
        second.Map(_memory, at: s_iova);
        _engine.Pause(PauseMicroseconds / 10);
        _engine.Buffer = Pattern(4096, 6);
        _engine.Begin(s_iova, 4096, 0);
        for (int i = 0; _engine.IsBusy; i++) _device.Attach(i % 2 == 0 ? second : _ioas);
        Assert.Equal((DmatestEngine.Done, 0u), (_engine.Status, _engine.Reason));
        Assert.Equal(Pattern(4096, 6), _memory.ToArray(0, 4096));
    }

    [Fact]
    public void A_reset_stops_a_DMA_under_way_and_sets_the_registers_back()
    {
        _device.Attach(_ioas);
        _ioas.Map(_memory, at: s_iova);
        Begin();
        _device.Reset();
        byte[] then = _memory.ToArray(0, 4096);
        Assert.Equal((false, DmatestEngine.Idle, 0ul), (_engine.IsBusy, _engine.Status, _engine.Completed));

        // The engine does one thing at a time: once it has done something else, it can no longer be at the old.
        _engine.Pause(0);
        _device.EnableBusMaster();
        Done(At(s_iova.Value + Page), 64, 0); // attached as before
        Assert.Equal(then, _memory.ToArray(0, 4096));
    }

    [Fact]
    public void A_close_stops_a_DMA_under_way()
    {
        _device.Attach(_ioas);
        _ioas.Map(_memory, at: s_iova);
        Begin();
        _device.Dispose();
        Assert.Equal(2 * Page, _ioas.UnmapAll()); // under run, a close has taken effect by the next call
        byte[] then = _memory.ToArray(0, 4096);
        VfioDevice second = OpenBound(DmatestNode, OpenContext());
        var engine = new DmatestEngine(second);
        Assert.False(engine.IsBusy);
        // nothing is attached; and the engine is at no old command
        Assert.Equal(DmatestEngine.Fault, engine.Run(s_iova, 64, 0));
        Assert.Equal(then, _memory.ToArray(0, 4096));
    }

    [Fact]
    public void Lengths_that_the_buffer_has_not_are_told()
    {
        _device.Attach(_ioas);
        _ioas.Map(_memory, at: s_iova);
        foreach (uint length in (uint[])[0, 4097, uint.MaxValue])
            Assert.Equal(DmatestEngine.BadLength, _engine.Run(s_iova, length, 0));
        Done(s_iova, 4096, 0);
    }

    [Fact]
    public void Each_MSIX_vector_signals_its_own_event()
    {
        _device.Attach(_ioas);
        _ioas.Map(_memory, at: s_iova);
        VfioInterrupt msix = _device.GetInterrupt(VfioH.VFIO_PCI_MSIX_IRQ_INDEX);
        Assert.Equal(4u, msix.Count);
        UserEvent[] events = [.. Enumerable.Range(0, 4).Select(_ => Own(Nodes.CreateEvent()))];
        msix.SetEvents(0, events);
        for (uint vector = 0; vector < 4; vector++)
        {
            _engine.Vector(vector);
            Done(s_iova, 64, 0);
            Assert.Equal(1ul, events[vector].Wait(Patience));
            Assert.All(events, e => Assert.Equal(0ul, e.Wait(TimeSpan.Zero)));
        }

        msix.SetEvents(1, null, events[0]); // 1 to nothing, 2 to the first
        foreach ((uint vector, int arrives) in ((uint, int)[])[(1, -1), (2, 0), (3, 3)])
        {
            _engine.Vector(vector);
            Done(s_iova, 64, 0);
            if (arrives >= 0) Assert.Equal(1ul, events[arrives].Wait(Patience));
        }

        // The last has come, and so has whatever was raised before it.
        Assert.All(events, e => Assert.Equal(0ul, e.Wait(TimeSpan.Zero)));
        msix.Disable();
        Done(s_iova, 64, 0);
        UserEvent last = Own(Nodes.CreateEvent());
        msix.SetEvents(3, last);
        Done(s_iova, 64, 0);
        Assert.Equal(1ul, last.Wait(Patience));
        Assert.All(events, e => Assert.Equal(0ul, e.Wait(TimeSpan.Zero)));
    }

    [Fact]
    public void A_program_can_trigger_some_of_many_vectors()
    {
        VfioInterrupt msix = _device.GetInterrupt(VfioH.VFIO_PCI_MSIX_IRQ_INDEX);
        UserEvent[] events = [.. Enumerable.Range(0, 4).Select(_ => Own(Nodes.CreateEvent()))];
        msix.SetEvents(0, events);
        const uint boolTrigger = VfioH.VFIO_IRQ_SET_DATA_BOOL | VfioH.VFIO_IRQ_SET_ACTION_TRIGGER;
        Succeeds(msix.SetRaw(boolTrigger, 1, 3, [1, 0, 7]));
        Assert.Equal([0ul, 1, 0, 1], events.Select(e => e.Wait(TimeSpan.Zero)));
        msix.Trigger(0, 4);
        msix.Trigger(2, 1);
        Assert.Equal([1ul, 1, 2, 1], events.Select(e => e.Wait(TimeSpan.Zero)));
        Fails(Errno.EINVAL, () => msix.Trigger(2, 3));
        Fails(Errno.EINVAL, () => msix.SetEvents(3, events[0], events[1]));
        Assert.All(events, e => Assert.Equal(0ul, e.Wait(TimeSpan.Zero)));
    }

    [Fact]
    public void A_bad_event_among_good_ones_takes_all_of_the_call_back()
    {
        VfioInterrupt msix = _device.GetInterrupt(VfioH.VFIO_PCI_MSIX_IRQ_INDEX);
        UserEvent first = Own(Nodes.CreateEvent());
        const uint connect = VfioH.VFIO_IRQ_SET_DATA_EVENTFD | VfioH.VFIO_IRQ_SET_ACTION_TRIGGER;
        byte[] data = [.. BitConverter.GetBytes(first.Descriptor), .. BitConverter.GetBytes(1 << 20)];
        Fails(Errno.EBADF, msix.SetRaw(connect, 0, 2, data));
        Fails(Errno.EINVAL, () => msix.Trigger(0, 1)); // MSI-X is not on
        msix.SetEvents(0, first);
        msix.Trigger();
        Assert.Equal(1ul, first.Wait(TimeSpan.Zero));
    }

    private void Done(Memory.Iova iova, uint length, uint direction)
    {
        Assert.Equal(DmatestEngine.Done, _engine.Run(iova, length, direction));
        Assert.Equal(0u, _engine.Reason);
    }

    private void Refused(Memory.Iova iova, uint length, uint direction, uint reason) =>
        Assert.Equal((DmatestEngine.Fault, reason), (_engine.Run(iova, length, direction), _engine.Reason));

    /// <summary>Starts a store that takes 128 ms or more, and waits until some of it has arrived.</summary>
    private void Begin()
    {
        _engine.Pause(PauseMicroseconds);
        _engine.Buffer = [.. Enumerable.Repeat((byte)0xee, 4096)];
        _engine.Begin(s_iova, 4096, 0);
        Until(() => _memory.Read<byte>(64) == 0xee, "a DMA is under way");
        Assert.True(_engine.IsBusy);
    }

    private void UnderWay(Action takeAway, uint reason)
    {
        Begin();
        takeAway();
        byte[] then = _memory.ToArray(0, 4096);
        _engine.Wait();
        Assert.Equal((DmatestEngine.Fault, reason), (_engine.Status, _engine.Reason));
        Assert.Equal(then, _memory.ToArray(0, 4096));
        Assert.Contains((byte)0, then);
    }
}
