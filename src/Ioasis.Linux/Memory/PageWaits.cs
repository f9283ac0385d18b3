namespace Ioasis.Linux.Memory;

/// <summary>
/// The waits of devices for pages of one process. Whoever provides a page (a userfaultfd's owner, a file system) takes
/// as long as it likes, and the kernel offers no way to cancel. So a thread of its own waits in the kernel for each;
/// the device abandons it when the device is told to stop or the process ends.
/// </summary>
internal sealed class PageWaits
{
    // The most threads that one process, and all together, can make us hold.
    private const int MostOfProcess = 8, MostOfAll = 64, NapMilliseconds = 20;

    private static int s_all;

    // Guards the fields below. Innermost.
    private readonly object _monitor = new();
    private int _running;
    private bool _ended;

    /// <summary>
    /// Faults in pages on another thread and waits for it; false if they cannot be provided or the process ended.
    /// </summary>
    /// <param name="bring">Faults them in; runs on its own thread, perhaps forever.</param>
    /// <param name="stop">Ends the wait.</param>
    /// <exception cref="OperationCanceledException"><paramref name="stop"/> was cancelled.</exception>
    public bool Await(Func<bool> bring, CancellationToken stop)
    {
        if (!TryBegin(stop)) return false;
        var wait = new Wait();
        try
        {
            new Thread(() => Bring(bring, wait)) { IsBackground = true, Name = "ioasis page" }.Start();
        }
        catch (OutOfMemoryException) // .NET's error for a thread that cannot be created: the next access tries again
        {
            End();
            return false;
        }

        using CancellationTokenRegistration stopping = stop.Register(Wake);
        lock (_monitor)
            while (!wait.Done && !_ended && !stop.IsCancellationRequested) Monitor.Wait(_monitor);
        stop.ThrowIfCancellationRequested();
        return wait.Brought;
    }

    /// <summary>The process has ended: ends all waits, now and later.</summary>
    public void Cancel()
    {
        lock (_monitor)
        {
            _ended = true;
            Monitor.PulseAll(_monitor);
        }
    }

    private bool TryBegin(CancellationToken stop)
    {
        using CancellationTokenRegistration stopping = stop.Register(Wake);
        lock (_monitor)
        {
            while (!_ended && !stop.IsCancellationRequested)
            {
                if (_running < MostOfProcess)
                {
                    if (Interlocked.Increment(ref s_all) <= MostOfAll)
                    {
                        _running++;
                        return true;
                    }

                    Interlocked.Decrement(ref s_all);
                }

                Monitor.Wait(_monitor, NapMilliseconds); // other processes' ends are not signalled here
            }
        }

        stop.ThrowIfCancellationRequested();
        return false;
    }

    private void Bring(Func<bool> bring, Wait wait)
    {
        bool brought = false;
        try
        {
            brought = bring();
        }
        finally
        {
            lock (_monitor)
            {
                (wait.Done, wait.Brought) = (true, brought);
                End();
                Monitor.PulseAll(_monitor);
            }
        }
    }

    private void End()
    {
        Interlocked.Decrement(ref s_all);
        lock (_monitor) _running--;
    }

    private void Wake()
    {
        lock (_monitor) Monitor.PulseAll(_monitor);
    }

    // Guarded by the monitor of the thread that waits.
    private sealed class Wait
    {
        public bool Done { get; set; }

        public bool Brought { get; set; }
    }
}
