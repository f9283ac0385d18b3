using Ioasis.Core.Dma;
using Ioasis.Core.Endpoints;
using Ioasis.Memory;

namespace Ioasis.Devices.Slots;

/// <summary>
/// Where a model is plugged in: it owns the bytes of the BARs, tells the model what a driver writes to them, one call at a time, and
/// hands the model's DMA and interrupts on.
/// </summary>
internal sealed class PciSlot : IPciSlot, IDisposable
{
    // Held during each call to the model, so that it never gets two at once. Taken before the locks of the BARs and of whatever the
    // model calls from there. A thread of the model must not wait for it: a reset holds it while it waits for those threads.
    private readonly Lock _calls = new();
    private readonly PciDeviceModel _model;
    private readonly Endpoint _endpoint;
    private readonly BarPoller _poller;
    private readonly BarMemory?[] _bars = new BarMemory?[6];
    private readonly BarMemory[] _all;
    private readonly List<(Register Register, ulong Value)> _rung = [];
    private readonly List<PortalSubmission> _submitted = [];

    // Guards the interrupt line. Taken before the target's locks.
    private readonly Lock _line = new();
    private volatile bool _lineAsserted;
    private volatile IInterruptTarget? _target;
    private bool _decoding = true;
    private bool _unplugged;

    /// <summary>Plugs a model in.</summary>
    /// <param name="model">The model.</param>
    /// <param name="endpoint">Its place behind an IOMMU.</param>
    /// <param name="poller">Looks for stores to mapped BARs.</param>
    /// <param name="function">What the model is here, if that is less than it says.</param>
    /// <exception cref="ArgumentException">The model describes no possible function.</exception>
    internal PciSlot(PciDeviceModel model, Endpoint endpoint, BarPoller poller, PciFunction? function = null)
    {
        _model = model;
        _endpoint = endpoint;
        _poller = poller;
        Function = function ?? model.Function;
        FunctionRules.Check(Function);
        foreach (Bar bar in Function.Bars) _bars[bar.Index] = new BarMemory(bar, Function.Msix?.Bar == bar.Index ? Function.Msix : null);
        _all = [.. _bars.OfType<BarMemory>()];
        lock (_calls) model.Plug(this);
    }

    /// <summary>What the model says it is.</summary>
    internal PciFunction Function { get; }

    /// <summary>Whether the function asserts its interrupt line.</summary>
    internal bool LineAsserted => _lineAsserted;

    /// <summary>Where interrupts go; null: nowhere.</summary>
    internal IInterruptTarget? Target { set => _target = value; }

    /// <summary>
    /// Whether the BARs answer (PCI command register, bit 1): if not, stores to a mapping are dropped. Who calls <see cref="Read"/> and
    /// <see cref="Write"/> looks himself.
    /// </summary>
    internal bool Decoding
    {
        set
        {
            lock (_calls)
            {
                if (value == _decoding) return;
                Poll(); // what was stored before is still treated by the former state
                _decoding = value;
            }
        }
    }

    /// <summary>A driver's read of 1, 2, 4 or 8 bytes, naturally aligned and within the BAR.</summary>
    internal ulong Read(int bar, ulong offset, int width)
    {
        BarMemory memory = _bars[bar]!;
        lock (_calls)
        {
            Poll(); // a store to a mapping comes before a read that was made later
            return memory.Read(offset, width);
        }
    }

    /// <summary>A driver's write of 1, 2, 4 or 8 bytes, naturally aligned and within the BAR.</summary>
    internal void Write(int bar, ulong offset, int width, ulong value)
    {
        BarMemory memory = _bars[bar]!;
        lock (_calls)
        {
            Poll();
            memory.Write(offset, width, value, _rung);
            Ring(bar);
        }
    }

    /// <summary>A driver's write of the 64 bytes of a descriptor to a portal, at a multiple of 64 within the BAR.</summary>
    internal void Submit(int bar, ulong offset, ReadOnlySpan<byte> descriptor)
    {
        lock (_calls)
        {
            Poll();
            _model.Submit(bar, offset, descriptor);
        }
    }

    /// <summary>Has the model told of every store to a mapping that came before this call.</summary>
    internal void Look()
    {
        lock (_calls) Poll();
        _poller.Expect();
    }

    /// <summary>From now on a BAR's bytes are these, which a program may map; <see cref="TakeBarsBack"/> ends it.</summary>
    internal void ShareBar(int bar, SharedBytes bytes)
    {
        lock (_calls)
        {
            if (_bars[bar]!.IsShared) return;
            _bars[bar]!.Share(bytes);
        }

        _poller.Add(this);
    }

    /// <summary>Function-level reset. When this returns, no DMA of the function is under way.</summary>
    internal void Reset()
    {
        lock (_calls)
        {
            _model.Reset();
            _endpoint.Reset(); // after the model's threads stopped: none of them asks for anything any more
            foreach (BarMemory memory in _all) memory.Reset();
            SetInterruptLine(false);
        }
    }

    /// <summary>Resets, and takes the BARs' bytes back from programs, whose mappings are gone.</summary>
    internal void TakeBarsBack()
    {
        _poller.Remove(this);
        lock (_calls)
        {
            _model.Reset();
            _endpoint.Reset();
            foreach (BarMemory memory in _all) memory.TakeBack();
            SetInterruptLine(false);
        }
    }

    /// <summary>
    /// Looks for stores to mapped BARs; true when there were any. It gives up when a call to the model is under way: whoever made that
    /// looks too, or the next time comes.
    /// </summary>
    internal bool TryPoll()
    {
        if (!_calls.TryEnter()) return false;
        try
        {
            return Poll();
        }
        finally
        {
            _calls.Exit();
        }
    }

    public DmaPort OpenDmaPort(int translations = 0) => _endpoint.OpenPort(translations);

    public ulong ReadRegister(int bar, Register register) => Memory(bar).Peek(register);

    public void Publish(int bar, Register register, ulong value)
    {
        Memory(bar).Publish(register, value);
        _poller.Expect();
    }

    public void ReadBar(int bar, ulong offset, Span<byte> destination) => Memory(bar).CopyTo(offset, destination);

    public void WriteBar(int bar, ulong offset, ReadOnlySpan<byte> source) => Memory(bar).CopyFrom(offset, source);

    public bool RaiseMessage(int vector)
    {
        _poller.Expect();
        return _target?.RaiseMessage(vector) ?? false;
    }

    public void SetInterruptLine(bool asserted)
    {
        if (!Function.HasInterruptPin) return;
        lock (_line)
        {
            if (_lineAsserted == asserted) return;
            _lineAsserted = asserted;
            _target?.LineChanged(asserted);
        }
    }

    /// <summary>Unplugs the model.</summary>
    public void Dispose()
    {
        _poller.Remove(this);
        lock (_calls)
        {
            if (_unplugged) return;
            _unplugged = true;
            _model.Unplug();
            foreach (BarMemory memory in _all) memory.Dispose();
        }
    }

    private BarMemory Memory(int bar) =>
        (uint)bar < 6 && _bars[bar] is { } memory ? memory : throw new ArgumentOutOfRangeException(nameof(bar), bar, "The function has no such BAR.");

    private bool Poll()
    {
        bool any = _decoding && PollPortals();
        for (int bar = 0; bar < _bars.Length; bar++)
        {
            if (_bars[bar] is not { } memory) continue;
            if (!_decoding) memory.DropUnseen();
            else memory.Poll(_rung);
            if (_rung.Count == 0) continue;
            any = true;
            PollPortals(); // what was submitted before the doorbell was written comes before it
            Ring(bar);
        }

        return any;
    }

    private bool PollPortals()
    {
        bool any = false;
        for (int bar = 0; bar < _bars.Length; bar++)
        {
            if (_bars[bar] is not { } memory) continue;
            memory.PollPortal(_submitted);
            any |= _submitted.Count > 0;
            foreach (PortalSubmission submission in _submitted) _model.Submit(bar, submission.Offset, submission.Bytes);
            _submitted.Clear();
        }

        return any;
    }

    private void Ring(int bar)
    {
        foreach ((Register register, ulong value) in _rung) _model.Ring(bar, register, value);
        _rung.Clear();
    }
}
