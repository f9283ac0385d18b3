namespace Ioasis.Client;

/// <summary>A counter that interrupts count up and a program waits on (eventfd(2)).</summary>
public abstract class UserEvent : IDisposable
{
    /// <summary>The file descriptor, as an ioctl takes it.</summary>
    public abstract int Descriptor { get; }

    /// <summary>
    /// Waits until the count is not 0, and takes it: how often the event was signalled since. 0 when the time was over.
    /// </summary>
    public abstract ulong Wait(TimeSpan timeout);

    /// <summary>Adds 1, as a program does that signals a device (an unmask event).</summary>
    public abstract void Signal();

    /// <summary>Closes the descriptor. What an interrupt was connected to stays signalled by it, unseen.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Closes the descriptor, once.</summary>
    protected abstract void Dispose(bool disposing);
}
