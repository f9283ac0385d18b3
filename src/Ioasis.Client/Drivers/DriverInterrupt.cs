using Ioasis.Abi;

namespace Ioasis.Client.Drivers;

/// <summary>
/// An interrupt of a function. A thread of the driver waits for it, so a driver's handler never runs on a thread of the
/// host.
/// </summary>
public abstract class DriverInterrupt : IDisposable
{
    private int _disposed;

    private protected DriverInterrupt()
    {
    }

    /// <summary>Waits until the interrupt was raised since the last call, or <see cref="Signal"/> was called.</summary>
    /// <param name="timeout">How long to wait at most.</param>
    /// <returns>How many times; 0 on timeout.</returns>
    public abstract ulong Wait(TimeSpan timeout);

    /// <summary>Wakes the thread that waits, as the device would.</summary>
    public abstract void Signal();

    /// <summary>Disconnects the interrupt. No thread may wait for it any more.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0) Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Disconnects the interrupt, once.</summary>
    protected abstract void Dispose(bool disposing);
}

/// <summary>An interrupt of a VFIO device: an event that the host signals.</summary>
internal sealed class VfioDriverInterrupt : DriverInterrupt
{
    private readonly VfioInterrupt _kind;
    private readonly uint _vector;
    private readonly UserEvent _event;
    private bool _isMasked;

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

    public override ulong Wait(TimeSpan timeout)
    {
        // INTx is masked by the host when it is raised.
        if (_isMasked) _kind.Unmask();
        _isMasked = false;
        ulong count = _event.Wait(timeout);
        _isMasked = count != 0 && _kind.Info.Index == VfioH.VFIO_PCI_INTX_IRQ_INDEX;
        return count;
    }

    public override void Signal() => _event.Signal();

    protected override void Dispose(bool disposing)
    {
        if (!disposing) return;
        _kind.SetEvents(_vector, [null]);
        _event.Dispose();
    }
}
