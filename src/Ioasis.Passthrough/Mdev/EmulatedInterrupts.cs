using Ioasis.Abi;
using Ioasis.Iommufd;
using Ioasis.Memory.Threads;
using Ioasis.Passthrough.Vfio.Interrupts;
using static Ioasis.Abi.VfioH;

namespace Ioasis.Passthrough.Mdev;

/// <summary>
/// The interrupts of an emulated mdev: INTx, which masks itself when it fires, or MSI. One is enabled at a time, by
/// giving it an eventfd. The answers are those of Linux's sample mtty, of which emulated mdevs are copies.
/// </summary>
internal sealed class EmulatedInterrupts
{
    // Guards everything below. The mdev's threads take it; only the eventfds' own locks are taken within.
    private readonly RankedLock _lock = new(LockRank.VfioInterrupts);
    private readonly IrqEvents _events;
    private uint _enabled = VFIO_PCI_NUM_IRQS; // this for none
    private bool _isMasked;

    internal EmulatedInterrupts(bool hasPin, int msiVectors) =>
        _events = new IrqEvents(hasPin ? 1u : 0, (uint)msiVectors);

    /// <summary>Answers GET_IRQ_INFO; EINVAL for an index that the mdev has not.</summary>
    internal Errno GetInfo(ref VfioIrqInfo info)
    {
        info.Count = _events.Count(info.Index);
        if (info.Count == 0) return Errno.EINVAL.Because($"the device has no interrupt {info.Index}");
        info.Flags = VFIO_IRQ_INFO_EVENTFD | (info.Index == VFIO_PCI_INTX_IRQ_INDEX
            ? VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED
            : VFIO_IRQ_INFO_NORESIZE);
        return Errno.None;
    }

    /// <summary>Does what SET_IRQS asks for an index.</summary>
    internal Errno Set(uint index, IrqRequest request)
    {
        if (_events.Count(index) == 0) return Errno.ENOTTY.Because($"the device has no interrupt {index}");
        using (_lock.Enter())
        {
            return (request.Flags & VFIO_IRQ_SET_ACTION_TYPE_MASK) switch
            {
                VFIO_IRQ_SET_ACTION_TRIGGER => Trigger(index, request),
                VFIO_IRQ_SET_ACTION_MASK when index == VFIO_PCI_INTX_IRQ_INDEX => Mask(request, true),
                VFIO_IRQ_SET_ACTION_UNMASK when index == VFIO_PCI_INTX_IRQ_INDEX => Mask(request, false),
                _ => Errno.ENOTTY.Because($"interrupt {index} has no such action"),
            };
        }
    }

    /// <summary>Lets all eventfds go; nothing is enabled.</summary>
    internal void Close()
    {
        using (_lock.Enter())
        {
            _events.Clear();
            _enabled = VFIO_PCI_NUM_IRQS;
        }
    }

    internal void RaiseIntx()
    {
        using (_lock.Enter())
        {
            if (_enabled == VFIO_PCI_INTX_IRQ_INDEX) FireIntx();
        }
    }

    internal bool RaiseMessage(int vector)
    {
        using (_lock.Enter())
        {
            if (_enabled != VFIO_PCI_MSI_IRQ_INDEX) return false;
            if ((uint)vector < _events.Count(_enabled)) _events.Signal(_enabled, (uint)vector);
            return true;
        }
    }

    private Errno Trigger(uint index, IrqRequest request)
    {
        bool isEnabled = _enabled == index;
        if (isEnabled && request.Count == 0 && request.IsNone)
        {
            Disable();
            return Errno.None;
        }

        if (!(isEnabled || _enabled == VFIO_PCI_NUM_IRQS) || request.Count == 0
            || request.Start >= _events.Count(index) || request.Count > _events.Count(index) - request.Start)
            return Errno.EINVAL.Because(
                $"another interrupt is enabled, or vectors {request.Start} + {request.Count} are not "
                    + $"among its {_events.Count(index)}");
        if (request.IsEvent) return SetEvents(index, request);
        if (!isEnabled) return Errno.EINVAL.Because($"interrupt {index} is not enabled");
        if (index != VFIO_PCI_INTX_IRQ_INDEX) _events.Fire(index, request);
        else if (request.IsNone || request.Bools[0] != 0) FireIntx();
        return Errno.None;
    }

    private Errno SetEvents(uint index, IrqRequest request)
    {
        for (uint i = 0; i < request.Count; i++)
        {
            if (request.Events[i].Descriptor >= 0 && request.Events[i].Error != Errno.None)
                return request.Events[i].Error;
        }

        bool isAny = false;
        for (uint i = 0; i < request.Count; i++)
        {
            isAny |= request.Events[i].Descriptor >= 0;
            _events.Replace(index, request.Start + i, request.Events[i].Descriptor < 0 ? null : request.Take(i));
        }

        if (!isAny && request.Count == _events.Count(index)) Disable();
        else
        {
            _enabled = index;
            _isMasked = false;
        }

        return Errno.None;
    }

    private Errno Mask(IrqRequest request, bool mask)
    {
        if (_enabled != VFIO_PCI_INTX_IRQ_INDEX || request.Start != 0 || request.Count != 1)
            return Errno.EINVAL.Because("INTx is not enabled, or the call names other vectors than its one");
        if (request.IsEvent) return Errno.ENOTTY.Because("INTx of this device is not masked by eventfd");
        if (request.IsNone || request.Bools[0] != 0) _isMasked = mask;
        return Errno.None;
    }

    private void Disable()
    {
        _events.Clear();
        _enabled = VFIO_PCI_NUM_IRQS;
    }

    private void FireIntx()
    {
        if (_isMasked) return;
        _events.Signal(VFIO_PCI_INTX_IRQ_INDEX, 0);
        _isMasked = true;
    }
}
