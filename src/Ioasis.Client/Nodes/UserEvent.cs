using System.Runtime.InteropServices;

namespace Ioasis.Client;

/// <summary>An event counter: interrupts add to it, and a program waits for it (eventfd(2)).</summary>
public abstract class UserEvent : IDisposable
{
    private readonly CancellationTokenSource _closed = new();

    /// <summary>The file descriptor, for ioctls.</summary>
    public abstract int Descriptor { get; }

    /// <summary>
    /// Waits until the count is not 0 and takes it: the number of signals since the last call. 0 on timeout.
    /// </summary>
    public abstract ulong Wait(TimeSpan timeout);

    /// <summary>
    /// As <see cref="Wait"/>, without a thread that waits: the task completes when the count is not 0, and takes it.
    /// </summary>
    /// <param name="cancellation">Ends the wait; nothing is taken then.</param>
    /// <exception cref="ObjectDisposedException">The event was closed meanwhile.</exception>
    public async ValueTask<ulong> WaitAsync(CancellationToken cancellation = default)
    {
        ObjectDisposedException.ThrowIf(_closed.IsCancellationRequested, this);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, _closed.Token);
        try
        {
            return await TakeAsync(either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new ObjectDisposedException(nameof(UserEvent));
        }
    }

    /// <summary>Adds 1, as a program does to signal a device (an unmask event).</summary>
    public abstract void Signal();

    /// <summary>Closes the descriptor. A connected interrupt keeps signalling the event, unseen.</summary>
    public void Dispose()
    {
        _closed.Cancel();
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>The file descriptor as a handle; null for an event of a machine in this process.</summary>
    public virtual SafeHandle? SafeHandle => null;

    /// <summary>Waits until the count is not 0 and takes it.</summary>
    private protected abstract ValueTask<ulong> TakeAsync(CancellationToken cancellation);

    /// <summary>Closes the descriptor, once.</summary>
    protected abstract void Dispose(bool disposing);
}
