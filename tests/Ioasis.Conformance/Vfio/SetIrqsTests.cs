using Ioasis.Abi;
using Ioasis.Client;

namespace Ioasis.Conformance.Vfio;

/// <summary>VFIO_DEVICE_SET_IRQS, and interrupts that arrive.</summary>
public sealed class SetIrqsTests : UapiTest
{
    private const uint None = VfioH.VFIO_IRQ_SET_DATA_NONE;
    private const uint Bool = VfioH.VFIO_IRQ_SET_DATA_BOOL;
    private const uint EventFd = VfioH.VFIO_IRQ_SET_DATA_EVENTFD;
    private const uint Mask = VfioH.VFIO_IRQ_SET_ACTION_MASK;
    private const uint Unmask = VfioH.VFIO_IRQ_SET_ACTION_UNMASK;
    private const uint Trigger = VfioH.VFIO_IRQ_SET_ACTION_TRIGGER;

    private readonly VfioDevice _device;
    private readonly VfioRegion _bar;
    private readonly VfioInterrupt _intx;
    private readonly VfioInterrupt _msi;
    private readonly UserEvent _event;

    public SetIrqsTests()
    {
        _device = OpenBound(EduNode, OpenContext());
        _device.EnableBusMaster();
        _bar = _device.GetRegion(VfioH.VFIO_PCI_BAR0_REGION_INDEX);
        _intx = _device.GetInterrupt(VfioH.VFIO_PCI_INTX_IRQ_INDEX);
        _msi = _device.GetInterrupt(VfioH.VFIO_PCI_MSI_IRQ_INDEX);
        _event = Own(Nodes.CreateEvent());
        Acknowledge(uint.MaxValue);
    }

    [Fact]
    public void An_MSI_signals_its_event_each_time()
    {
        _msi.SetEvents(0, _event);
        for (uint i = 1; i <= 3; i++)
        {
            Raise(i);
            Assert.Equal(1ul, _event.Wait(Patience));
            Acknowledge(i);
        }

        _msi.Disable();
        Raise(1);
        NothingCame();
    }

    [Fact]
    public void An_MSI_needs_bus_mastering()
    {
        _msi.SetEvents(0, _event);
        _device.EnableBusMaster(false);
        Raise(1);
        Acknowledge(1);
        _device.EnableBusMaster();
        Raise(1);
        Assert.Equal(1ul, _event.Wait(Patience)); // the first would have come before it
    }

    [Fact]
    public void A_program_can_trigger_what_it_connected()
    {
        _msi.SetEvents(0, _event);
        _msi.Trigger();
        Assert.Equal(1ul, _event.Wait(TimeSpan.Zero));
        Succeeds(_msi.SetRaw(Bool | Trigger, 0, 1, [1]));
        Assert.Equal(1ul, _event.Wait(TimeSpan.Zero));
        Succeeds(_msi.SetRaw(Bool | Trigger, 0, 1, [0]));
        Assert.Equal(0ul, _event.Wait(TimeSpan.Zero));
        _msi.SetEvents(0, (UserEvent?)null); // disconnected, but still on
        _msi.Trigger();
        Assert.Equal(0ul, _event.Wait(TimeSpan.Zero));
        _msi.SetEvents(0, _event);
        _msi.Trigger();
        Assert.Equal(1ul, _event.Wait(TimeSpan.Zero));
    }

    [Fact]
    public void An_event_whose_descriptor_was_closed_can_be_replaced()
    {
        UserEvent first = Nodes.CreateEvent();
        _msi.SetEvents(0, first);
        first.Dispose();
        _msi.Trigger();
        _msi.SetEvents(0, _event);
        Assert.Equal(0ul, _event.Wait(TimeSpan.Zero));
        _msi.Trigger();
        Assert.Equal(1ul, _event.Wait(TimeSpan.Zero));
    }

    [Fact]
    public void INTx_is_masked_by_itself_until_it_is_unmasked()
    {
        _intx.SetEvents(0, _event);
        Raise(1);
        Assert.Equal(1ul, _event.Wait(Patience));
        Raise(2);
        _intx.Unmask(); // the line is still up
        Assert.Equal(1ul, _event.Wait(Patience)); // and none came while it was masked
        Acknowledge(3);
        _intx.Unmask();
        Assert.Equal(0ul, _event.Wait(TimeSpan.Zero)); // it would have come before the call returned
        Raise(1);
        Assert.Equal(1ul, _event.Wait(Patience));
    }

    [Fact]
    public void INTx_that_was_masked_fires_when_it_is_unmasked()
    {
        _intx.SetEvents(0, _event);
        _intx.Mask();
        Raise(1);
        _intx.Unmask();
        Assert.Equal(1ul, _event.Wait(Patience)); // one, for the unmasking
        Acknowledge(1);
        _intx.Unmask();
        Succeeds(_intx.SetRaw(Bool | Mask, 0, 1, [1]));
        Succeeds(_intx.SetRaw(Bool | Unmask, 0, 1, [0])); // no
        Raise(1);
        Succeeds(_intx.SetRaw(Bool | Unmask, 0, 1, [1])); // yes
        Assert.Equal(1ul, _event.Wait(Patience));
    }

    [Fact]
    public void INTx_can_be_unmasked_by_an_event()
    {
        UserEvent unmask = Own(Nodes.CreateEvent());
        _intx.SetEvents(0, _event);
        _intx.SetUnmaskEvent(unmask);
        Raise(1);
        Assert.Equal(1ul, _event.Wait(Patience));
        unmask.Signal(); // the line is still up
        Assert.Equal(1ul, _event.Wait(Patience));
        Acknowledge(1);
        _intx.SetUnmaskEvent(null);
        unmask.Signal();
        Raise(1);
        Assert.Equal(0ul, _event.Wait(TimeSpan.Zero));
        _intx.Unmask();
        Assert.Equal(1ul, _event.Wait(Patience));
    }

    [Fact]
    public void INTx_that_is_off_stays_quiet()
    {
        _intx.SetEvents(0, _event);
        _intx.Disable();
        Raise(1);
        Acknowledge(1);
        NothingCame();
        Fails(Errno.EINVAL, _intx.Disable);
        _msi.SetEvents(0, _event);
        _msi.Disable();
        _intx.SetEvents(0, _event);
    }

    [Fact]
    public void One_kind_is_on_at_a_time()
    {
        _msi.SetEvents(0, _event);
        Fails(Errno.EINVAL, () => _intx.SetEvents(0, _event));
        Fails(Errno.EINVAL, _intx.Disable);
        Fails(Errno.EINVAL, () => _intx.Mask());
        _msi.Trigger();
        Assert.Equal(1ul, _event.Wait(TimeSpan.Zero));
        _msi.Disable();
        _intx.SetEvents(0, _event);
        Fails(Errno.EINVAL, () => _msi.SetEvents(0, _event));
        Fails(Errno.EINVAL, _msi.Disable);
        _intx.Trigger();
        Assert.Equal(1ul, _event.Wait(TimeSpan.Zero));
    }

    [Fact]
    public void Bad_requests_are_refused_and_nothing_changed()
    {
        byte[] fd = BitConverter.GetBytes(_event.Descriptor);
        _msi.SetEvents(0, _event);
        Fails(Errno.EINVAL, _msi.SetRaw(EventFd | Trigger, 1, 1, fd)); // beyond the count
        Fails(Errno.EINVAL, _msi.SetRaw(EventFd | Trigger, 0, 2, [.. fd, .. fd]));
        Fails(Errno.EINVAL, _msi.SetRaw(EventFd | Trigger, 0, uint.MaxValue, fd));
        Fails(Errno.EINVAL, _msi.SetRaw(EventFd | Trigger, uint.MaxValue, 2, fd));
        Fails(Errno.EINVAL, _msi.SetRaw(EventFd | Trigger, 0, 1, [])); // the data is missing
        Fails(Errno.EINVAL, _msi.SetRaw(EventFd | Trigger, 0, 1, fd.AsSpan(0, 3)));
        Fails(Errno.EINVAL, _msi.SetRaw(Trigger, 0, 1, fd)); // of which kind is it?
        Fails(Errno.EINVAL, _msi.SetRaw(None | Bool | Trigger, 0, 1, fd));
        Fails(Errno.EINVAL, _msi.SetRaw(64 | None | Trigger, 0, 1, fd));
        Fails(Errno.ENOTTY, _msi.SetRaw(None, 0, 1, []));
        Fails(Errno.ENOTTY, _msi.SetRaw(None | Trigger | Mask, 0, 1, []));
        Fails(Errno.ENOTTY, _msi.SetRaw(None | Mask, 0, 1, []));
        Fails(Errno.ENOTTY, _msi.SetRaw(None | Unmask, 0, 1, []));
        Fails(Errno.EINVAL, Set(VfioH.VFIO_PCI_NUM_IRQS, None | Trigger));
        Fails(Errno.EINVAL, Set(uint.MaxValue, None | Trigger));
        Fails(Errno.EINVAL, Set(VfioH.VFIO_PCI_MSIX_IRQ_INDEX, None | Trigger)); // there is none
        Fails(Errno.EFAULT, DataNowhere());
        _msi.Trigger();
        Assert.Equal(1ul, _event.Wait(TimeSpan.Zero));
    }

    [Fact]
    public void What_is_not_connected_is_EINVAL()
    {
        Fails(Errno.EINVAL, _msi.Disable);
        Fails(Errno.EINVAL, () => _msi.Trigger());
        Fails(Errno.EINVAL, _intx.Disable);
        Fails(Errno.EINVAL, () => _intx.Trigger());
        Fails(Errno.EINVAL, () => _intx.Mask());
        Fails(Errno.EINVAL, () => _intx.Unmask());
        Fails(Errno.EINVAL, () => _intx.SetUnmaskEvent(_event));
        Fails(Errno.EINVAL, () => _device.GetInterrupt(VfioH.VFIO_PCI_REQ_IRQ_INDEX).Trigger());
        _intx.SetEvents(0, _event);
        Fails(Errno.ENOTTY, _intx.SetRaw(EventFd | Mask, 0, 1, BitConverter.GetBytes(_event.Descriptor)));
        Fails(Errno.EINVAL, _intx.SetRaw(None | Unmask, 0, 0, []));
    }

    [Fact]
    public void Files_that_are_no_events_are_refused_and_leave_the_interrupt_off()
    {
        foreach (VfioInterrupt interrupt in (VfioInterrupt[])[_msi, _intx])
        {
            Fails(Errno.EBADF, interrupt.SetRaw(EventFd | Trigger, 0, 1, BitConverter.GetBytes(1 << 20)));
            Fails(Errno.EINVAL, interrupt.SetRaw(
                    EventFd | Trigger, 0, 1, BitConverter.GetBytes(_device.Handle.Descriptor)));
            Fails(Errno.EINVAL, () => interrupt.Trigger());
        }

        _intx.SetEvents(0, _event); // nothing else is on
    }

    [Fact]
    public void The_host_s_request_for_the_device_can_be_rehearsed()
    {
        VfioInterrupt request = _device.GetInterrupt(VfioH.VFIO_PCI_REQ_IRQ_INDEX);
        request.SetEvents(0, _event);
        request.Trigger();
        Assert.Equal(1ul, _event.Wait(TimeSpan.Zero));
        request.Disable();
        Fails(Errno.EINVAL, () => request.Trigger());
        Fails(Errno.ENOTTY, () => request.Mask());
    }

    [Fact]
    public void A_close_takes_the_interrupts_away()
    {
        _msi.SetEvents(0, _event);
        _device.Dispose();
        VfioDevice second = OpenBound(EduNode, OpenContext());
        second.EnableBusMaster();
        VfioRegion bar = second.GetRegion(VfioH.VFIO_PCI_BAR0_REGION_INDEX);
        bar.Write(0x60, 1u);
        bar.Write(0x64, 1u);
        UserEvent last = Own(Nodes.CreateEvent());
        second.GetInterrupt(VfioH.VFIO_PCI_MSI_IRQ_INDEX).SetEvents(0, last);
        bar.Write(0x60, 1u);
        Assert.Equal(1ul, last.Wait(Patience)); // what was raised before it has come, if it comes at all
        Assert.Equal(0ul, _event.Wait(TimeSpan.Zero));
        bar.Write(0x64, 1u);
    }

    /// <summary>
    /// Nothing signalled the event: a further interrupt, which comes after whatever was raised before, has come
    /// elsewhere.
    /// </summary>
    private void NothingCame()
    {
        UserEvent last = Own(Nodes.CreateEvent());
        Acknowledge(uint.MaxValue);
        _msi.SetEvents(0, last);
        Raise(1);
        Assert.Equal(1ul, last.Wait(Patience));
        Acknowledge(uint.MaxValue);
        _msi.Disable();
        Assert.Equal(0ul, _event.Wait(TimeSpan.Zero));
    }
    private void Raise(uint bits) => _bar.Write(0x60, bits);

    private void Acknowledge(uint bits) => _bar.Write(0x64, bits);

    private SysResult Set(uint index, uint flags)
    {
        var arguments = new VfioIrqSet { Argsz = Size<VfioIrqSet>(), Flags = flags, Index = index, Count = 1 };
        return _device.TryIoctl(VfioH.VFIO_DEVICE_SET_IRQS, ref arguments);
    }

    /// <summary>A header at the very end of memory, its data beyond.</summary>
    private SysResult DataNowhere()
    {
        UserMemory page = Pages(1);
        ulong at = Page - Size<VfioIrqSet>();
        page.Write(at, new VfioIrqSet
        {
            Argsz = 24,
            Flags = EventFd | Trigger,
            Index = VfioH.VFIO_PCI_MSI_IRQ_INDEX,
            Count = 1,
        });
        return _device.Handle.Ioctl(VfioH.VFIO_DEVICE_SET_IRQS, page.Address.Value + at);
    }
}
