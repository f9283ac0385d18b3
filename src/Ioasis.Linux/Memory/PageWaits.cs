namespace Ioasis.Linux.Memory;

/// <summary>
/// Devices that wait for pages of one process: whoever has to bring a page (a userfaultfd's owner, a file system) takes
/// as long as it likes. A thread of its own waits in the kernel for each, which nothing can call off; the device lets
/// go of it when it is told to stop, or the process ends.
/// </summary>
internal sealed class PageWaits
{
    // What one process can make us hold, and all of them.
    private const int MostOfProcess = 8, MostOfAll = 64, NapMilliseconds = 20;

    private static int s_all;

    // Guards what follows. Innermost.
    private readonly object _monitor = new();
    private int _running;
    private bool _ended;

    /// <summary>Has pages brought, and waits for it; false when they cannot be, or the process ended.</summary>
    /// <param name="bring">Brings them; runs on a thread of its own, perhaps for ever.</param>
    /// <param name="stop">Ends the wait.</param>
    /// <exception cref="OperationCanceledException">The wait was to end.</exception>
    public bool Await(Func<bool> bring, CancellationToken stop)
    {
        if (!TryBegin(stop)) return false;
        var wait = new Wait();
        try
        {
            new Thread(() => Bring(bring, wait)) { IsBackground = true, Name = "ioasis page" }.Start();
        }
        catch (OutOfMemoryException) // what .NET says where there is no thread: the next access tries again
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

    /// <summary>The process has ended: nobody waits any more, nor will.</summary>
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

                Monitor.Wait(_monitor, NapMilliseconds); // other processes' ends are not told
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

    // Guarded by the monitor of who waits.
    private sealed class Wait
    {
        public bool Done { get; set; }

        public bool Brought { get; set; }
    }
}
