using System.Numerics;
using Ioasis.Abi;
using Ioasis.Devices;
using Ioasis.Devices.Slots;
using Ioasis.Iommufd;
using Ioasis.Iommufd.Files;
using Ioasis.Memory.Threads;
using Ioasis.Passthrough.Vfio.Interrupts;
using static Ioasis.Abi.VfioH;

namespace Ioasis.Passthrough.Vfio.Pci.Interrupts;

/// <summary>
/// A bound function's interrupts and the eventfds that they signal (Linux: vfio_pci_intrs.c). One of INTx, MSI and
/// MSI-X is enabled at a time, by giving it its first eventfd.
/// </summary>
internal sealed class PciInterrupts : IInterruptTarget
{
    // Guards everything below. Taken after the device's locks and after the slot's. The model's threads take it while a
    // reset waits for them: of others only the eventfds' own locks are taken while it is held, and nothing waits,
    // neither for a program nor for the model.
    private readonly RankedLock _lock = new(LockRank.VfioInterrupts);
    private readonly PciFunction _function;
    private readonly IInterruptSource _source;
    private readonly IrqEvents _events;
    private uint _enabled = VFIO_PCI_NUM_IRQS; // the index that is enabled, this for none
    private int _msiVectors;
    private EventListener? _unmask; // its signal unmasks INTx
    private bool _intxMasked;
    private bool _intxDisabled;
    private int _intxSession; // counts unmask eventfds: what a former one still tells is of no interest

    internal PciInterrupts(PciFunction function, IInterruptSource source)
    {
        _function = function;
        _source = source;
        _events = new IrqEvents(
            function.HasInterruptPin ? 1u : 0, (uint)function.MsiVectors, (uint)(function.Msix?.Vectors ?? 0),
            function.IsExpress ? 1u : 0, 1); // in the order of VFIO_PCI_*_IRQ_INDEX
    }

    internal bool MsiEnabled
    {
        get { using (_lock.Enter()) return _enabled == VFIO_PCI_MSI_IRQ_INDEX; }
    }

    /// <summary>log2 of the vectors that the program enabled MSI with last.</summary>
    internal int MsiQueueMax { get; private set; }

    /// <summary>How many interrupts an index has.</summary>
    internal uint Count(uint index) => _events.Count(index);

    /// <summary>Does what SET_IRQS asks for an index; the numbers lie within its count.</summary>
    internal Errno Set(uint index, IrqRequest request)
    {
        uint action = request.Flags & VFIO_IRQ_SET_ACTION_TYPE_MASK;
        using (_lock.Enter())
        {
            return (index, action) switch
            {
                (VFIO_PCI_INTX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_MASK) => MaskIntx(request),
                (VFIO_PCI_INTX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_UNMASK) => UnmaskIntx(request),
                (VFIO_PCI_INTX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_TRIGGER) => TriggerIntx(request),
                (VFIO_PCI_MSI_IRQ_INDEX or VFIO_PCI_MSIX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_TRIGGER) =>
                    TriggerMessages(index, request),
                (VFIO_PCI_ERR_IRQ_INDEX, VFIO_IRQ_SET_ACTION_TRIGGER) when _function.IsExpress =>
                    _events.TriggerSingle(index, request),
                (VFIO_PCI_REQ_IRQ_INDEX, VFIO_IRQ_SET_ACTION_TRIGGER) => _events.TriggerSingle(index, request),
                _ => Errno.ENOTTY.Because($"interrupt {index} has no such action"),
            };
        }
    }

    /// <summary>Asks the program to let the device go.</summary>
    internal void RequestRelease()
    {
        using (_lock.Enter()) _events.Signal(VFIO_PCI_REQ_IRQ_INDEX, 0);
    }

    /// <summary>Lets all eventfds go; nothing is enabled.</summary>
    internal void Close()
    {
        using (_lock.Enter())
        {
            if (_enabled == VFIO_PCI_INTX_IRQ_INDEX) DisableIntx();
            else if (_enabled != VFIO_PCI_NUM_IRQS) DisableMessages();
            _events.Clear();
            _intxDisabled = false;
        }
    }

    /// <summary>The program set or cleared INTx disable in its command register.</summary>
    internal void SetIntxDisabled(bool disabled)
    {
        using (_lock.Enter())
        {
            _intxDisabled = disabled;
            if (disabled) _intxMasked = true;
            else UnmaskIntx();
        }
    }

    public bool MessagesEnabled
    {
        get { using (_lock.Enter()) return _enabled is VFIO_PCI_MSI_IRQ_INDEX or VFIO_PCI_MSIX_IRQ_INDEX; }
    }

    public bool RaiseMessage(int vector)
    {
        using (_lock.Enter())
        {
            switch (_enabled)
            {
                case VFIO_PCI_MSI_IRQ_INDEX:
                    vector &= (int)BitOperations.RoundUpToPowerOf2((uint)_msiVectors) - 1;
                    break;
                case VFIO_PCI_MSIX_IRQ_INDEX:
                    break;
                default:
                    return false;
            }

            if (_source.BusMaster && (uint)vector < _events.Count(_enabled)) _events.Signal(_enabled, (uint)vector);
            return true;
        }
    }

    public void LineChanged(bool asserted)
    {
        using (_lock.Enter())
        {
            if (asserted) FireIntx();
        }
    }

    public void Failed()
    {
        if (!_function.IsExpress) return; // no error reporting, and no interrupt index for it
        using (_lock.Enter()) _events.Signal(VFIO_PCI_ERR_IRQ_INDEX, 0);
    }

    private Errno MaskIntx(IrqRequest request)
    {
        if (_enabled != VFIO_PCI_INTX_IRQ_INDEX || request.Start != 0 || request.Count != 1)
            return Errno.EINVAL.Because("INTx is not enabled, or the call names other vectors than its one");
        if (request.IsEvent) return Errno.ENOTTY.Because("INTx is not masked by eventfd");
        if (request.IsNone || request.Bools[0] != 0) _intxMasked = true;
        return Errno.None;
    }

    private Errno UnmaskIntx(IrqRequest request)
    {
        if (_enabled != VFIO_PCI_INTX_IRQ_INDEX || request.Start != 0 || request.Count != 1)
            return Errno.EINVAL.Because("INTx is not enabled, or the call names other vectors than its one");
        if (request.IsEvent) return SetUnmaskEvent(request);
        if (request.IsNone || request.Bools[0] != 0) UnmaskIntx();
        return Errno.None;
    }

    private Errno SetUnmaskEvent(IrqRequest request)
    {
        EventRequest wanted = request.Events[0];
        if (wanted.Error != Errno.None) return wanted.Error;
        if (wanted.Event is null)
        {
            _unmask?.Dispose();
            _unmask = null;
            return Errno.None;
        }

        if (_unmask is not null) return Errno.EBUSY.Because("INTx has an eventfd for unmasking already");
        IEventFile file = request.Take(0)!;
        _intxSession++;
        int session = _intxSession;
        return EventListener.Start(_source, file, () => UnmaskSignalled(session), out _unmask);
    }

    /// <summary>
    /// Lets the eventfd that unmasks INTx go if no program has it any more, so that another can be set. Linux is told
    /// when the last descriptor is closed; ours keeps the eventfd open, so it is asked for when it is in the way. Not
    /// called with a lock held: all processes may be looked through.
    /// </summary>
    /// <returns>Whether there is room now.</returns>
    internal bool DropForgottenUnmask()
    {
        EventListener? unmask;
        using (_lock.Enter()) unmask = _unmask;
        if (unmask is null) return true;
        if (unmask.IsOpenElsewhere) return false;
        using (_lock.Enter())
        {
            if (_unmask != unmask) return true;
            _intxSession++;
            _unmask.Dispose();
            _unmask = null;
            return true;
        }
    }

    private void UnmaskSignalled(int session)
    {
        using (_lock.Enter())
        {
            if (session == _intxSession) UnmaskIntx();
        }
    }

    private Errno TriggerIntx(IrqRequest request)
    {
        bool enabled = _enabled == VFIO_PCI_INTX_IRQ_INDEX;
        if (enabled && request.Count == 0 && request.IsNone)
        {
            DisableIntx();
            return Errno.None;
        }

        if (!(enabled || _enabled == VFIO_PCI_NUM_IRQS) || request.Start != 0 || request.Count != 1)
            return Errno.EINVAL.Because(
                "another interrupt is enabled, or the call names other vectors than the one of INTx");
        if (request.IsEvent)
        {
            if (request.Events[0].Error != Errno.None) return request.Events[0].Error;
            _events.Replace(VFIO_PCI_INTX_IRQ_INDEX, 0, request.Take(0));
            if (enabled) return Errno.None;
            _enabled = VFIO_PCI_INTX_IRQ_INDEX;
            _intxMasked = _intxDisabled;
            if (_source.LineAsserted) FireIntx();
            return Errno.None;
        }

        if (!enabled) return Errno.EINVAL.Because("INTx is not enabled");
        if (request.IsNone || request.Bools[0] != 0) SignalIntx();
        return Errno.None;
    }

    private Errno TriggerMessages(uint index, IrqRequest request)
    {
        if (_enabled == index && request.Count == 0 && request.IsNone)
        {
            DisableMessages();
            return Errno.None;
        }

        if (_enabled != index && _enabled != VFIO_PCI_NUM_IRQS)
            return Errno.EINVAL.Because("another interrupt of the device is enabled");
        if (request.IsEvent)
        {
            if (_enabled == index) return SetMessages(request);
            int vectors = (int)(request.Start + request.Count);
            if (vectors == 0) return Errno.ERANGE.Because("the call names no vector");
            EnableMessages(index, vectors);
            Errno errno = SetMessages(request);
            if (errno != Errno.None) DisableMessages();
            return errno;
        }

        if (_enabled != index) return Errno.EINVAL.Because($"interrupt {index} is not enabled");
        _events.Fire(index, request);
        return Errno.None;
    }

    /// <summary>
    /// Gives vectors their eventfds, in order. The first that fails takes those of the same call down with it.
    /// </summary>
    private Errno SetMessages(IrqRequest request)
    {
        for (uint i = 0; i < request.Count; i++)
        {
            Errno errno = SetMessage(request.Start + i, request, i);
            if (errno == Errno.None) continue;
            for (uint j = 0; j <= i; j++) _events.Replace(_enabled, request.Start + j, null);
            return errno;
        }

        return Errno.None;
    }

    private Errno SetMessage(uint vector, IrqRequest request, uint i)
    {
        _events.Replace(_enabled, vector, null);
        if (request.Events[i].Descriptor < 0) return Errno.None;

        // Vectors of MSI-X are allocated as they come, those of MSI all at once.
        if (_enabled == VFIO_PCI_MSI_IRQ_INDEX && vector >= _msiVectors)
            return Errno.EINVAL.Because($"MSI was enabled with {_msiVectors} vectors, and {vector} is beyond them");
        if (request.Events[i].Error != Errno.None) return request.Events[i].Error;
        _events.Replace(_enabled, vector, request.Take(i));
        return Errno.None;
    }

    private void EnableMessages(uint index, int vectors)
    {
        _enabled = index;
        bool msix = index == VFIO_PCI_MSIX_IRQ_INDEX;
        if (!msix)
        {
            _msiVectors = vectors;
            MsiQueueMax = BitOperations.Log2(BitOperations.RoundUpToPowerOf2((uint)vectors));
        }

        _source.MessagesEnabled(msix, true);
    }

    private void DisableMessages()
    {
        _events.Clear(_enabled);
        _source.MessagesEnabled(_enabled == VFIO_PCI_MSIX_IRQ_INDEX, false);
        _enabled = VFIO_PCI_NUM_IRQS;
    }

    private void DisableIntx()
    {
        _unmask?.Dispose();
        _unmask = null;
        _intxSession++;
        _events.Clear(VFIO_PCI_INTX_IRQ_INDEX);
        _enabled = VFIO_PCI_NUM_IRQS;
    }

    private void UnmaskIntx()
    {
        if (_enabled != VFIO_PCI_INTX_IRQ_INDEX || !_intxMasked || _intxDisabled) return;
        if (_source.LineAsserted) SignalIntx(); // and it stays masked
        else _intxMasked = false;
    }

    /// <summary>The line is asserted: masks itself and signals, unless it is masked already.</summary>
    private void FireIntx()
    {
        if (_enabled != VFIO_PCI_INTX_IRQ_INDEX || _intxMasked) return;
        _intxMasked = true;
        SignalIntx();
    }

    private void SignalIntx()
    {
        if (!_intxDisabled) _events.Signal(VFIO_PCI_INTX_IRQ_INDEX, 0);
    }
}
