using Ioasis.Core.Dma;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Threads;
using Ioasis.Memory;

namespace Ioasis.Devices.Slots;

/// <summary>
/// Where a model is plugged in: it owns the bytes of the BARs, tells the model what a driver writes to them, one call
/// at a time, and hands the model's DMA and interrupts on.
/// </summary>
internal sealed class PciSlot : IPciSlot, IDisposable
{
    // Held during each call to the model, so that it never gets two at once. Taken before the locks of the BARs and of
    // whatever the model calls from there. A thread of the model must not wait for it: a reset holds it while it waits
    // for those threads.
    private readonly Lock _calls = new();

    // Guards whether the function has failed against a reset that ends that. Taken after _calls, which a thread that
    // fails does not hold; the BARs' locks are taken within.
    private readonly Lock _failing = new();
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
    private readonly PendingStarts _pending = new();
    private bool _decoding = true;
    private bool _unplugged;
    private volatile bool _failed;
    private bool _told;

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
        foreach (Bar bar in Function.Bars)
            _bars[bar.Index] = new BarMemory(bar, Function.Msix?.Bar == bar.Index ? Function.Msix : null);
        _all = [.. _bars.OfType<BarMemory>()];
        endpoint.CallbackFailed = e => Fail("being answered a page request", e);
        lock (_calls)
            using (new ModelScope(this)) model.Plug(this);
    }

    /// <summary>What the model says it is.</summary>
    internal PciFunction Function { get; }

    /// <summary>Whether the function asserts its interrupt line.</summary>
    internal bool LineAsserted => _lineAsserted;

    /// <summary>
    /// Whether code of the model threw, and no reset has brought the function back since: it does no DMA, raises no
    /// interrupts, hears of nothing, and its registers read as ones.
    /// </summary>
    internal bool HasFailed => _failed;

    /// <summary>Where interrupts go; null: nowhere.</summary>
    internal IInterruptTarget? Target { set => _target = value; }

    /// <summary>
    /// Whether the BARs answer (PCI command register, bit 1): if not, stores to a mapping are dropped. Who calls
    /// <see cref="Read"/> and <see cref="Write"/> looks himself.
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

    /// <summary>
    /// A driver's write of the 64 bytes of a descriptor to a portal, at a multiple of 64 within the BAR.
    /// </summary>
    internal void Submit(int bar, ulong offset, ReadOnlySpan<byte> descriptor)
    {
        lock (_calls)
        {
            Poll();
            if (_failed) return;
            try
            {
                using (new ModelScope(this)) _model.Submit(bar, offset, descriptor);
            }
            catch (Exception e)
            {
                Fail("Submit", e);
            }
        }
    }

    /// <summary>Has the model told of every store to a mapping that came before this call.</summary>
    internal void Look()
    {
        lock (_calls) Poll();
        _poller.Expect();
    }

    /// <summary>
    /// From now on a BAR's bytes are these, all 0 as yet, which a program can read; <see cref="TakeBarsBack"/> ends it.
    /// A reset must follow.
    /// </summary>
    internal void ShowBar(int bar, SharedBytes bytes)
    {
        lock (_calls) _bars[bar]!.Show(bytes);
    }

    /// <summary>Looks for stores to mapped BARs from now on, until <see cref="TakeBarsBack"/>.</summary>
    /// <returns>False where the host has no thread that would look; nothing has changed then.</returns>
    internal bool TryWatch() => _poller.TryAdd(this);

    /// <summary>
    /// From now on a BAR's bytes are these, which a program may map; <see cref="TakeBarsBack"/> ends it.
    /// <see cref="TryWatch"/> came before.
    /// </summary>
    /// <returns>False when a program may have mapped it as others before: a BAR is in one place.</returns>
    internal bool TryMapBar(int bar, SharedBytes bytes)
    {
        lock (_calls)
            return _bars[bar]!.TryMap(bytes);
    }

    /// <summary>Function-level reset. When this returns, no DMA of the function is under way.</summary>
    internal void Reset()
    {
        lock (_calls) Renew(static memory => memory.Reset());
    }

    /// <summary>Resets, and takes the BARs' bytes back from programs, whose mappings are gone.</summary>
    internal void TakeBarsBack()
    {
        _poller.Remove(this);
        lock (_calls)
        {
            if (_unplugged) return; // the bytes are gone
            Renew(static memory => memory.TakeBack());
        }
    }

    /// <summary>
    /// Code of the model threw, in a call or on a thread of its own: the function is as one that is gone, until a reset
    /// that the model gets through. It is told once. Called with or without the slot's and the model's locks.
    /// </summary>
    internal void Fail(string where, Exception e)
    {
        bool isFirst;
        lock (_failing)
        {
            if (!_told) HostMessages.Tell($"{_model.GetType().Name} {_endpoint.Id}: {where}", e);
            _told = true;
            isFirst = !_failed;
            _failed = true;
            if (!_unplugged)
                foreach (BarMemory memory in _all) memory.Die();
        }

        if (!isFirst) return;
        _endpoint.Block = SendBlock.BusMasterDisabled;
        SetInterruptLine(false);
        _target?.Failed();
    }

    /// <summary>An engine of the model has a command and got no thread: it is tried again.</summary>
    internal void Await(IPendingStart engine)
    {
        _pending.Add(engine);
        _poller.TryAdd(this); // if that has no thread either, the driver's next access tries again
    }

    /// <summary>
    /// Looks for stores to mapped BARs; true when there were any. It gives up when a call to the model is under way:
    /// whoever made that looks too, or the next time comes.
    /// </summary>
    internal bool TryPoll()
    {
        if (!_calls.TryEnter()) return false;
        try
        {
            return !_unplugged && Poll();
        }
        catch (Exception e)
        {
            Fail("looking at its BARs", e);
            return false;
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
        if (_failed) return true; // lost, as while it may not send messages
        _poller.Expect();
        return _target?.RaiseMessage(vector) ?? false;
    }

    public void SetInterruptLine(bool asserted)
    {
        if (!Function.HasInterruptPin) return;
        lock (_line)
        {
            if (_lineAsserted == asserted || (asserted && _failed)) return;
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
            try
            {
                using (new ModelScope(this)) _model.Unplug();
            }
            catch (Exception e)
            {
                Fail("Unplug", e); // its threads may still use the BARs: they stay
                _unplugged = true;
                return;
            }

            lock (_failing)
            {
                _unplugged = true;
                foreach (BarMemory memory in _all) memory.Dispose();
            }
        }
    }

    private BarMemory Memory(int bar) =>
        (uint)bar < 6 && _bars[bar] is { } memory
            ? memory
            : throw new ArgumentOutOfRangeException(nameof(bar), bar, "The function has no such BAR.");

    /// <summary>
    /// A reset: of the model, of what its device keeps, of the BARs. A model that gets through it has not failed any
    /// more.
    /// </summary>
    private void Renew(Action<BarMemory> renew)
    {
        bool isWell = true;
        try
        {
            using (new ModelScope(this)) _model.Reset();
        }
        catch (Exception e)
        {
            isWell = false;
            Fail("Reset", e);
        }

        _endpoint.Reset(); // after the model's threads stopped: none of them asks for anything any more
        lock (_failing)
        {
            foreach (BarMemory memory in _all) renew(memory);
            _failed = !isWell;
            if (!isWell)
                foreach (BarMemory memory in _all) memory.Die();
        }

        SetInterruptLine(false);
    }

    private bool Poll()
    {
        if (_failed) return false;
        _pending.Retry();
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
            if (_submitted.Count != 0) Submit(bar);
        }

        return any;
    }

    private void Submit(int bar)
    {
        try
        {
            using var scope = new ModelScope(this);
            foreach (PortalSubmission submission in _submitted) _model.Submit(bar, submission.Offset, submission.Bytes);
        }
        catch (Exception e)
        {
            Fail("Submit", e);
        }
        finally
        {
            _submitted.Clear();
        }
    }

    private void Ring(int bar)
    {
        if (_rung.Count == 0) return;
        try
        {
            using var scope = new ModelScope(this);
            foreach ((Register register, ulong value) in _rung) _model.Ring(bar, register, value);
        }
        catch (Exception e)
        {
            Fail("Ring", e);
        }
        finally
        {
            _rung.Clear();
        }
    }
}
