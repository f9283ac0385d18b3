using Ioasis.Core.Dma;

namespace Ioasis.Devices.Virtio;

/// <summary>
/// A queue of a virtio device, as its model sees it: the chains that the driver makes available, split or packed. Only
/// the queue's worker uses it, within <see cref="VirtioDeviceModel.Serve"/>.
/// </summary>
/// <remarks>
/// Chains are given back in the order in which they were taken. A ring that breaks the specification, or whose memory
/// the driver has not mapped, breaks the device: <see cref="TryPop"/> is false, and the driver finds
/// DEVICE_NEEDS_RESET.
/// </remarks>
public sealed class VirtQueue
{
    private readonly VirtioSlot _slot;
    private volatile bool _runs;
    private SplitVring? _split;
    private PackedVring? _packed;
    private bool _asksForNotifications;
    private int _taken; // chains that were taken and not given back

    internal VirtQueue(VirtioSlot slot, int index, VirtioQueueLayout layout)
    {
        _slot = slot;
        Index = index;
        Layout = layout;
    }

    /// <summary>Its index.</summary>
    public int Index { get; }

    /// <summary>Its description.</summary>
    public VirtioQueueLayout Layout { get; }

    /// <summary>
    /// Whether the driver has set the queue up and lets it run. A stopped queue gives no chains.
    /// </summary>
    public bool Runs => _runs && !_slot.HasFailed;

    /// <summary>Whether it was started and not stopped since.</summary>
    internal bool IsStarted => _runs;

    /// <summary>Whether it has a ring, whose base counts.</summary>
    internal bool HasRing => _split is not null || _packed is not null;

    /// <summary>
    /// Whether the model found the queue empty when it looked last. Then the driver's next chain wakes the worker.
    /// </summary>
    internal bool IsDrained { get; private set; }

    /// <summary>The driver's index of the next chain, as it is restored later.</summary>
    internal ushort Base => _packed?.Base ?? _split?.Base ?? 0;

    /// <summary>Takes the next chain; false if there is none.</summary>
    /// <param name="chain">The chain, filled. It is the model's until <see cref="Push"/> or
    /// <see cref="Return"/>.</param>
    public bool TryPop(VirtChain chain)
    {
        if (!Runs) return false;
        RingOutcome outcome = _packed is { } packed ? packed.TryPop(chain) : _split!.TryPop(chain);
        IsDrained = outcome == RingOutcome.Empty;
        if (outcome == RingOutcome.Ok) _taken++;
        else if (outcome == RingOutcome.Bad) _slot.Fail();
        return outcome == RingOutcome.Ok;
    }

    /// <summary>Whether there is a chain to take.</summary>
    public bool Look()
    {
        if (!Runs) return false;
        RingOutcome outcome = _packed is { } packed ? packed.Look() : _split!.Look();
        IsDrained = outcome == RingOutcome.Empty;
        if (outcome == RingOutcome.Bad) _slot.Fail();
        return outcome == RingOutcome.Ok;
    }

    /// <summary>
    /// Gives back the chain that was taken first. The driver sees it after <see cref="Flush"/> at the latest.
    /// </summary>
    /// <param name="chain">The chain.</param>
    /// <param name="written">Number of bytes written, from the first writable byte on.</param>
    public void Push(VirtChain chain, uint written)
    {
        if (_slot.HasFailed || _taken == 0) return;
        _taken--;
        if (!(_packed is { } packed ? packed.TryPush(chain, written) : _split!.TryPush(chain, written))) _slot.Fail();
    }

    /// <summary>
    /// Shows the driver all chains that were given back, and interrupts it if it wants that. Without it the host does
    /// so when <see cref="VirtioDeviceModel.Serve"/> returns.
    /// </summary>
    public void Flush()
    {
        if (_slot.HasFailed || (_split is null && _packed is null)) return;
        bool signals;
        if (!(_packed is { } packed ? packed.TryPublish(out signals) : _split!.TryPublish(out signals))) _slot.Fail();
        else if (signals) _slot.Transport.SignalQueue(Index);
    }

    /// <summary>
    /// Makes available again what was taken and not given back: <see cref="TryPop"/> gives the same chains anew. Shows
    /// the driver those that were given back.
    /// </summary>
    public void Return()
    {
        Flush();
        Rewind();
    }

    /// <summary>Starts the queue, with the worker stopped; false if the settings are impossible.</summary>
    internal bool TryStart(DmaPort port, in RingSettings settings, ulong features)
    {
        bool isPacked = (features & VirtioFeatures.PackedRing) != 0;
        (_split, _packed, _taken, IsDrained, _asksForNotifications) = (null, null, 0, false, true);
        if (settings.Size < 1 || settings.Size > Layout.MaxSize || !settings.Fits(isPacked)) return false;
        if (isPacked) _packed = new PackedVring(port, in settings, features);
        else if (int.IsPow2(settings.Size)) _split = new SplitVring(port, in settings, features);
        _runs = _packed?.IsValid ?? _split is not null;
        return _runs;
    }

    /// <summary>The queue gives no chains from now on. A call of the worker may still be under way.</summary>
    internal void Stop() => _runs = false;

    /// <summary>Drops the ring, with the worker stopped.</summary>
    internal void Clear() => (_split, _packed) = (null, null);

    /// <summary>Asks the driver to notify the device, or not to, if that is not so already.</summary>
    internal void AskForNotifications(bool wanted)
    {
        if (!Runs || _asksForNotifications == wanted) return;
        _asksForNotifications = wanted;
        if (!(_packed is { } packed ? packed.TryAskForNotifications(wanted) : _split!.TryAskForNotifications(wanted)))
            _slot.Fail();
    }

    /// <summary>
    /// Forgets chains that were taken and that the driver does not see as used. Interrupts the driver for those that it
    /// sees if a look at what it wants was cut short: an interrupt too many does no harm.
    /// </summary>
    internal void Rewind()
    {
        bool owesSignal = _packed?.OwesSignal ?? _split?.OwesSignal ?? false;
        _taken = 0;
        _split?.Rewind();
        _packed?.Rewind();
        if (owesSignal) _slot.Transport.SignalQueue(Index);
    }
}
