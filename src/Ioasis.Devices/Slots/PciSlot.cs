using Ioasis.Core.Dma;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Injection;
using Ioasis.Memory;
using Ioasis.Memory.Threads;

namespace Ioasis.Devices.Slots;

/// <summary>
/// The slot of a model. It owns the bytes of the BARs, tells the model what a driver writes to them, one call at a
/// time, and passes the model's DMA and interrupts on.
/// </summary>
internal sealed partial class PciSlot : IPciSlot, IModelHost, IDisposable, IPolledSlot
{
    // Held during each call to the model, so that the model never gets two at once. Taken before the locks of the BARs
    // and any lock that the model takes in a call. A thread of the model must not wait for it, because a reset holds it
    // while waiting for those threads.
    private readonly RankedLock _calls = new(LockRank.SlotCalls);

    // Serializes a failure of the function and a reset that ends it. Taken after _calls, which a failing thread does
    // not hold. The BARs' locks are taken within it.
    private readonly RankedLock _failing = new(LockRank.SlotFailing);
    private readonly PciDeviceModel _model;
    private readonly IBusMaster _endpoint;
    private readonly SlotEvents _events;
    private readonly SlotInjection _injection;
    private readonly BarPoller _poller;
    private readonly BarMemory?[] _bars = new BarMemory?[6];
    private readonly BarMemory[] _all;
    private readonly List<(Register Register, ulong Value)> _rung = [];
    private readonly List<PortalSubmission> _submitted = [];
    private readonly List<Register> _computed = [];

    // Guards the interrupt line. Taken before the target's locks.
    private readonly RankedLock _line = new(LockRank.SlotLine);
    private volatile bool _lineAsserted;
    private volatile IInterruptTarget? _target;
    private readonly PendingStarts _pending = new();
    private bool _decoding = true;
    private bool _unplugged;
    private volatile bool _failed;
    private volatile bool _hasInterrupted; // since an engine last went idle
    private bool _isGone; // an injector took the device away: no reset brings it back
    private bool _told;

    /// <summary>Plugs a model in.</summary>
    /// <param name="model">The model.</param>
    /// <param name="endpoint">The function's place behind an IOMMU, or the part of another function that it is.</param>
    /// <param name="poller">Polls mapped BARs for stores.</param>
    /// <param name="function">The function to show, if it is less than the model offers; null for all of it.</param>
    /// <exception cref="ArgumentException">The model's description is invalid.</exception>
    internal PciSlot(PciDeviceModel model, IBusMaster endpoint, BarPoller poller, PciFunction? function = null)
    {
        _model = model;
        _endpoint = endpoint;
        _events = new SlotEvents(endpoint as Endpoint);
        _injection = new SlotInjection(endpoint);
        _poller = poller;
        Function = function ?? model.Function;
        FunctionRules.Check(Function);
        foreach (Bar bar in Function.Bars)
            _bars[bar.Index] = new BarMemory(bar, Function.Msix?.Bar == bar.Index ? Function.Msix : null);
        _all = [.. _bars.OfType<BarMemory>()];
        endpoint.CallbackFailed = e => Fail("being answered a page request", e);
        using (_calls.Enter())
        using (new ModelScope(this)) model.Plug(this);
    }

    /// <summary>The function's description.</summary>
    internal PciFunction Function { get; }

    /// <inheritdoc/>
    public EngineList Engines { get; } = new();

    /// <summary>Whether the function asserts its interrupt line.</summary>
    internal bool LineAsserted => _lineAsserted;

    /// <summary>
    /// Whether the model's code threw and no reset has succeeded since. The function then does no DMA, raises no
    /// interrupts, gets no calls, and its registers read as ones.
    /// </summary>
    internal bool HasFailed => _failed;

    /// <summary>The receiver of interrupts; null for none.</summary>
    internal IInterruptTarget? Target { set => _target = value; }

    /// <summary>
    /// Whether the BARs decode (PCI command register, bit 1). If not, stores to a mapping are dropped. Callers of
    /// <see cref="Read"/> and <see cref="Write"/> check it themselves.
    /// </summary>
    internal bool Decoding
    {
        set
        {
            using (_calls.Enter())
            {
                if (value == _decoding) return;
                Poll(); // earlier stores still have the former state
                _decoding = value;
            }
        }
    }

    /// <summary>Reads 1, 2, 4 or 8 bytes for a driver, naturally aligned and within the BAR.</summary>
    internal ulong Read(int bar, ulong offset, int width)
    {
        BarMemory memory = _bars[bar]!;
        using (_calls.Enter())
        {
            Poll(); // handles earlier stores to a mapping before the read
            if (memory.HasComputed) Compute(memory, offset, width);
            return memory.Read(offset, width);
        }
    }

    /// <summary>Writes 1, 2, 4 or 8 bytes for a driver, naturally aligned and within the BAR.</summary>
    internal void Write(int bar, ulong offset, int width, ulong value)
    {
        BarMemory memory = _bars[bar]!;
        using (_calls.Enter())
        {
            Poll();
            memory.Write(offset, width, value, _rung);
            Ring(bar);
        }
    }

    /// <summary>Submits a descriptor of 64 bytes to a portal, at a multiple of 64 within the BAR.</summary>
    /// <returns>False if the model has no room for it now.</returns>
    internal bool Submit(int bar, ulong offset, ReadOnlySpan<byte> descriptor)
    {
        using (_calls.Enter())
        {
            Poll();
            if (_failed || IsInjected()) return true;
            try
            {
                _events.TellDescriptor(bar, offset, descriptor);
                using (new ModelScope(this)) return _model.TrySubmit(bar, offset, descriptor);
            }
            catch (Exception e)
            {
                Fail("Submit", e);
                return true;
            }
        }
    }

    /// <summary>Tells the model of every store to a mapping that was made before this call.</summary>
    internal void Look()
    {
        using (_calls.Enter()) Poll();
        _poller.Expect();
    }

    /// <summary>
    /// Makes <paramref name="bytes"/>, which are all 0, a BAR's bytes, which programs can read.
    /// <see cref="TakeBarsBack"/> ends it. A reset must follow.
    /// </summary>
    internal void ShowBar(int bar, SharedBytes bytes)
    {
        using (_calls.Enter()) _bars[bar]!.Show(bytes);
    }

    /// <summary>Polls mapped BARs from now on, until <see cref="TakeBarsBack"/>.</summary>
    /// <returns>False if the host cannot create the polling thread. Nothing has changed then.</returns>
    internal bool TryWatch() => _poller.TryAdd(this);

    /// <summary>
    /// Lets programs map <paramref name="bytes"/> as a BAR. <see cref="TakeBarsBack"/> ends it. <see cref="TryWatch"/>
    /// must have been called before.
    /// </summary>
    /// <returns>False if programs may have mapped other bytes before: a BAR has one set of bytes.</returns>
    internal bool TryMapBar(int bar, SharedBytes bytes)
    {
        using (_calls.Enter())
            return _bars[bar]!.TryMap(bytes);
    }

    /// <summary>Function-level reset. On return, no DMA of the function is under way.</summary>
    internal void Reset()
    {
        using (_calls.Enter()) Renew(static memory => memory.Reset());
    }

    /// <summary>Resets the function and stops sharing the BARs' bytes with programs, whose mappings are gone.</summary>
    internal void TakeBarsBack()
    {
        _poller.Remove(this);
        using (_calls.Enter())
        {
            if (_unplugged) return; // the bytes are gone
            Renew(static memory => memory.TakeBack());
        }
    }

    /// <summary>
    /// Marks the function as failed because the model's code threw, in a call or on its own thread. It stays so until a
    /// reset succeeds. Reports the exception once. May be called with or without the slot's and the model's locks.
    /// </summary>
    public void Fail(string where, Exception e)
    {
        bool isFirst;
        using (_failing.Enter())
        {
            if (!_told) HostMessages.Tell($"{_model.GetType().Name} {_endpoint.Id}: {where}", e);
            _told = true;
            isFirst = !_failed;
            _failed = true;
            if (!_unplugged)
                foreach (BarMemory memory in _all) memory.Die();
        }

        if (isFirst) StopSending();
    }

    /// <summary>Retries later to start an engine of the model that got no thread.</summary>
    public void Await(IPendingStart engine)
    {
        _pending.Add(engine);
        _poller.TryAdd(this); // if it gets no thread either, the driver's next access tries again
    }

    public DmaPort OpenDmaPort(int translations = 0, Pasid? defaultPasid = null) =>
        _endpoint.OpenPort(translations, defaultPasid);

    public bool IsBusMaster => _endpoint.CanSend;

    public ulong ReadRegister(int bar, Register register) => Memory(bar).Peek(register);

    public void Publish(int bar, Register register, ulong value)
    {
        _endpoint.Progress(mayBeDone: true);
        Memory(bar).Publish(register, value);
        _poller.Expect();
    }

    public void ReadBar(int bar, ulong offset, Span<byte> destination) => Memory(bar).CopyTo(offset, destination);

    public void WriteBar(int bar, ulong offset, ReadOnlySpan<byte> source)
    {
        _endpoint.Progress(mayBeDone: false);
        Memory(bar).CopyFrom(offset, source);
    }

    public bool MessagesEnabled => _target?.MessagesEnabled == true;

    public bool RaiseMessage(int vector)
    {
        if (_failed) return true; // lost, as when it may not send messages
        _poller.Expect();
        _endpoint.Progress(mayBeDone: true);
        _events.TellInterrupt(vector, isAsserted: true);
        if (_target is not { } target) return false;
        int times = _injection.Interrupts();
        if (times == 0) return target.MessagesEnabled;
        if (times == 2) target.RaiseMessage(vector);
        if (!target.RaiseMessage(vector)) return false;
        _hasInterrupted = true;
        return true;
    }

    public void SetInterruptLine(bool asserted)
    {
        if (!Function.HasInterruptPin) return;
        using (_line.Enter())
        {
            if (_lineAsserted == asserted || (asserted && _failed)) return;
            _endpoint.Progress(mayBeDone: true);
            _lineAsserted = asserted;
            _hasInterrupted |= asserted;
            _events.TellInterrupt(null, asserted);
            for (int times = asserted ? _injection.Interrupts() : 1; times > 0; times--) _target?.LineChanged(asserted);
        }
    }

    /// <summary>Unplugs the model.</summary>
    public void Dispose()
    {
        _poller.Remove(this);
        using (_calls.Enter())
        {
            if (_unplugged) return;
            try
            {
                using (new ModelScope(this)) _model.Unplug();
            }
            catch (Exception e)
            {
                Fail("Unplug", e); // its threads may still use the BARs, so they stay
                _unplugged = true;
                return;
            }

            using (_failing.Enter())
            {
                _unplugged = true;
                foreach (BarMemory memory in _all) memory.Dispose();
            }
        }
    }

    public void Rest() => _endpoint.Progress(mayBeDone: true);

    private BarMemory Memory(int bar) =>
        (uint)bar < 6 && _bars[bar] is { } memory
            ? memory
            : throw new ArgumentOutOfRangeException(nameof(bar), bar, "The function has no such BAR.");

    /// <summary>
    /// Resets the model, the device's caches and the BARs. If the model's reset succeeds, it is no longer failed.
    /// </summary>
    private void Renew(Action<BarMemory> renew)
    {
        bool isWell = true;
        _events.TellReset();
        try
        {
            using (new ModelScope(this)) _model.Reset();
        }
        catch (Exception e)
        {
            isWell = false;
            Fail("Reset", e);
        }

        _endpoint.Reset(); // after the model's threads have stopped: none of them makes requests any more
        _endpoint.Progress(mayBeDone: true);
        using (_failing.Enter())
        {
            foreach (BarMemory memory in _all) renew(memory);
            _failed = !isWell || _isGone;
            if (_failed)
                foreach (BarMemory memory in _all) memory.Die();
        }

        SetInterruptLine(false);
    }

    /// <summary>Whether the device, instead of taking what a driver wrote, resets itself or is gone.</summary>
    private bool IsInjected()
    {
        InjectedFaults chosen = _injection.AtDoorbell();
        if (chosen == InjectedFaults.None) return false;
        if ((chosen & InjectedFaults.DeviceGone) != 0) Vanish();
        else Renew(static memory => memory.Reset());
        return true;
    }

    /// <summary>The device is gone for good. Its driver sees what it sees of one that was pulled out.</summary>
    private void Vanish()
    {
        using (_failing.Enter())
        {
            _isGone = _failed = true;
            foreach (BarMemory memory in _all) memory.Die();
        }

        StopSending();
    }

    private void StopSending()
    {
        _endpoint.Block = SendBlock.BusMasterDisabled;
        SetInterruptLine(false);
        _target?.Failed();
    }

    private void Compute(BarMemory memory, ulong offset, int width)
    {
        if (_failed) return;
        memory.FindComputed(offset, width, _computed);
        try
        {
            using var scope = new ModelScope(this);
            _endpoint.Progress(mayBeDone: true); // what the driver reads says how far it is
            foreach (Register register in _computed)
                memory.Publish(register, _model.Read(memory.Bar.Index, register));
        }
        catch (Exception e)
        {
            Fail("Read", e);
        }
        finally
        {
            _computed.Clear();
        }
    }
}
