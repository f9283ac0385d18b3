using Ioasis.Memory.Threads;

namespace Ioasis.Linux.Memory;

/// <summary>
/// The waits of devices for pages of one process. Whoever provides a page (a userfaultfd's owner, a file system) takes
/// as long as it likes, and the kernel offers no way to cancel. So a thread of its own waits in the kernel for each;
/// the device abandons it when the device is told to stop or the process ends.
/// </summary>
internal sealed class PageWaits
{
    // The most threads that one process, and all together, can make us hold.
    private const int MostOfProcess = 8, MostOfAll = 64;

    private static readonly TimeSpan s_nap = TimeSpan.FromMilliseconds(20);

    private static int s_all;

    // Guards the fields below. Innermost.
    private readonly RankedMonitor _monitor = new(LockRank.PageWaits);
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
        if (HostThread.TryStart("ioasis page", () => Bring(bring, wait)) is null)
        {
            using (_monitor.Enter()) End(); // the next access tries again
            return false;
        }

        using CancellationTokenRegistration stopping = stop.Register(Wake);
        using (_monitor.Enter())
            while (!wait.Done && !_ended && !stop.IsCancellationRequested) _monitor.Wait();
        stop.ThrowIfCancellationRequested();
        return wait.Brought;
    }

    /// <summary>The process has ended: ends all waits, now and later.</summary>
    public void Cancel()
    {
        using (_monitor.Enter())
        {
            _ended = true;
            _monitor.PulseAll();
        }
    }

    private bool TryBegin(CancellationToken stop)
    {
        using CancellationTokenRegistration stopping = stop.Register(Wake);
        using (_monitor.Enter())
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

                _monitor.Wait(s_nap); // other processes' ends are not signalled here
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
            using (_monitor.Enter())
            {
                (wait.Done, wait.Brought) = (true, brought);
                End();
                _monitor.PulseAll();
            }
        }
    }

    private void End()
    {
        Interlocked.Decrement(ref s_all);
        _running--;
    }

    private void Wake()
    {
        using (_monitor.Enter()) _monitor.PulseAll();
    }

    // Guarded by the monitor of the thread that waits.
    private sealed class Wait
    {
        public bool Done { get; set; }

        public bool Brought { get; set; }
    }
}
