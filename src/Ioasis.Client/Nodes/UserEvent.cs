namespace Ioasis.Client;

/// <summary>An event counter: interrupts add to it, and a program waits for it (eventfd(2)).</summary>
public abstract class UserEvent : IDisposable
{
    /// <summary>The file descriptor, for ioctls.</summary>
    public abstract int Descriptor { get; }

    /// <summary>
    /// Waits until the count is not 0 and takes it: the number of signals since the last call. 0 on timeout.
    /// </summary>
    public abstract ulong Wait(TimeSpan timeout);

    /// <summary>Adds 1, as a program does to signal a device (an unmask event).</summary>
    public abstract void Signal();

    /// <summary>Closes the descriptor. A connected interrupt keeps signalling the event, unseen.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Closes the descriptor, once.</summary>
    protected abstract void Dispose(bool disposing);
}
