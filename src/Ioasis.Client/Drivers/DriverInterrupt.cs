using Ioasis.Abi;

namespace Ioasis.Client.Drivers;

/// <summary>
/// An interrupt of a function. A thread of the driver waits for it, so a driver's handler never runs on a thread of the
/// host.
/// </summary>
public abstract class DriverInterrupt : IDisposable
{
    private bool _isMasked; // by the host, since it was raised
    private int _disposed;

    private protected DriverInterrupt()
    {
    }

    /// <summary>Waits until the interrupt was raised since the last call, or <see cref="Signal"/> was called.</summary>
    /// <param name="timeout">How long to wait at most.</param>
    /// <returns>How many times; 0 on timeout.</returns>
    public ulong Wait(TimeSpan timeout)
    {
        if (_isMasked) Unmask();
        _isMasked = false;
        ulong count = WaitForEvent(timeout);
        _isMasked = count != 0 && MasksItself;
        return count;
    }

    /// <summary>As <see cref="Wait"/>, without a limit and without a thread that waits.</summary>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>How many times the interrupt was raised; never 0.</returns>
    public async ValueTask<ulong> WaitAsync(CancellationToken cancellation = default)
    {
        if (_isMasked) Unmask();
        _isMasked = false;
        ulong count = await WaitForEventAsync(cancellation).ConfigureAwait(false);
        _isMasked = MasksItself;
        return count;
    }

    /// <summary>Wakes the thread that waits, as the device would.</summary>
    public abstract void Signal();

    /// <summary>Disconnects the interrupt. No thread may wait for it any more.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0) Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Whether the host masks the interrupt when it is raised, as INTx.</summary>
    private protected abstract bool MasksItself { get; }

    /// <summary>Unmasks the interrupt.</summary>
    private protected abstract void Unmask();

    /// <summary>Waits for the event; how often it was signalled, 0 on timeout.</summary>
    private protected abstract ulong WaitForEvent(TimeSpan timeout);

    /// <summary>Waits for the event without a thread.</summary>
    private protected abstract ValueTask<ulong> WaitForEventAsync(CancellationToken cancellation);

    /// <summary>Disconnects the interrupt, once.</summary>
    protected abstract void Dispose(bool disposing);
}

/// <summary>An interrupt of a VFIO device: an event that the host signals.</summary>
internal sealed class VfioDriverInterrupt : DriverInterrupt
{
    private readonly VfioInterrupt _kind;
    private readonly uint _vector;
    private readonly UserEvent _event;

    /// <summary>Connects an event to a vector.</summary>
    /// <param name="nodes">The transport that makes the event.</param>
    /// <param name="kind">The kind of interrupt.</param>
    /// <param name="vector">The vector.</param>
    /// <param name="isFirst">Whether none of this kind is connected. The first connection then names all vectors: it
    /// decides how many there are, and kernels before 6.5 cannot add one later.</param>
    internal VfioDriverInterrupt(NodeTransport nodes, VfioInterrupt kind, uint vector, bool isFirst)
    {
        _kind = kind;
        _vector = vector;
        _event = nodes.CreateEvent();
        try
        {
            var events = new UserEvent?[isFirst ? kind.Count : 1];
            events[isFirst ? vector : 0] = _event;
            kind.SetEvents(isFirst ? 0 : vector, events);
        }
        catch
        {
            _event.Dispose();
            throw;
        }
    }

    private protected override bool MasksItself => _kind.Raw.Index == VfioH.VFIO_PCI_INTX_IRQ_INDEX;

    private protected override void Unmask() => _kind.Unmask();

    private protected override ulong WaitForEvent(TimeSpan timeout) => _event.Wait(timeout);

    private protected override ValueTask<ulong> WaitForEventAsync(CancellationToken cancellation) =>
        _event.WaitAsync(cancellation);

    public override void Signal() => _event.Signal();

    protected override void Dispose(bool disposing)
    {
        if (!disposing) return;
        _kind.SetEvents(_vector, [null]);
        _event.Dispose();
    }
}
