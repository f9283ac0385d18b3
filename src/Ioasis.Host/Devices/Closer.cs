using System.Diagnostics;
using Ioasis.Memory.Threads;

namespace Ioasis.Host.Devices;

/// <summary>
/// Closes files that no program has open any more, on threads of its own: a device whose reset takes long, or a context
/// with a million objects, holds up nobody but the programs that had the file.
/// </summary>
/// <remarks>
/// As on Linux, a call that a program makes after close(2) finds the file closed. Who had the file waits for the close
/// to end, and so does who opens what only one file at a time can have (<see cref="Iommufd.Files.INode.Exclusion"/>).
/// Everyone else waits at most 5 ms from the moment of the close: a program that did not have the file itself can be
/// told of the close by another. Files of one program are closed in order, one at a time.
/// </remarks>
internal sealed class Closer : IDisposable
{
    private const int MaxThreads = 64;

    /// <summary>How long a close is waited for by who has nothing to do with the file.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(5);

    // Guards what follows, and is pulsed when any of it changes. Nothing else is locked while it is held.
    private readonly RankedMonitor _lock = new(LockRank.Closer);
    private readonly LinkedList<Closing> _closings = [];

    // By who opened the file, in order; the first is being closed unless the program is among those that are ready.
    private readonly Dictionary<int, Queue<Closing>> _queues = [];
    private readonly Queue<int> _ready = [];
    private int _threads, _idle;
    private long _next;
    private bool _ended;

    // How many closings are not over: read without the lock.
    private int _count;

    public Closer()
    {
        using (_lock.Enter()) StartThreadIfNeeded();
    }

    /// <summary>Whether nothing is being closed.</summary>
    public bool IsIdle => Volatile.Read(ref _count) == 0;

    /// <summary>Lets go of a file, soon. Returns at once.</summary>
    public void Add(IClosable open)
    {
        using (_lock.Enter())
        {
            var closing = new Closing(open, _next++, Stopwatch.GetTimestamp());
            _closings.AddLast(closing);
            Interlocked.Increment(ref _count);
            if (!_queues.TryGetValue(open.Opener, out Queue<Closing>? queue))
            {
                _queues.Add(open.Opener, queue = new Queue<Closing>());
                _ready.Enqueue(open.Opener);
            }

            queue.Enqueue(closing);
            StartThreadIfNeeded();
            _lock.PulseAll();
        }
    }

    /// <summary>
    /// Waits for what was to be closed before this was called, as far as it concerns a program; for the rest only so
    /// long.
    /// </summary>
    public void Await(int program)
    {
        if (!IsIdle) Await(open => open.HasUser(program));
    }

    /// <summary>Waits for the closes of what excludes an open.</summary>
    /// <param name="exclusion">From <see cref="Iommufd.Files.INode.Exclusion"/>.</param>
    public void AwaitExclusion(object exclusion)
    {
        if (!IsIdle) Await(open => ReferenceEquals(open.Exclusion, exclusion));
    }

    /// <summary>Waits for everything that was to be closed before this was called, but no longer than so.</summary>
    /// <returns>Whether all was closed.</returns>
    public bool TryAwaitAll(TimeSpan patience)
    {
        long start = Stopwatch.GetTimestamp();
        using (_lock.Enter())
        {
            while (_closings.Count != 0)
            {
                TimeSpan left = patience - Stopwatch.GetElapsedTime(start);
                if (left <= TimeSpan.Zero) return false;
                _lock.Wait(left + TimeSpan.FromMilliseconds(1));
            }

            return true;
        }
    }

    /// <summary>Ends the threads when they have nothing left to do.</summary>
    public void Dispose()
    {
        using (_lock.Enter())
        {
            _ended = true;
            _lock.PulseAll();
        }
    }

    private void Await(Func<IClosable, bool> concerns)
    {
        using (_lock.Enter())
        {
            long before = _next;
            while (MustWait(before, concerns, out TimeSpan patience)) _lock.Wait(patience);
        }
    }

    private bool MustWait(long before, Func<IClosable, bool> concerns, out TimeSpan patience)
    {
        patience = TimeSpan.Zero;
        foreach (Closing closing in _closings)
        {
            if (closing.Number >= before) break;
            if (concerns(closing.Open))
            {
                patience = Timeout.InfiniteTimeSpan;
                return true;
            }

            TimeSpan left = s_patience - Stopwatch.GetElapsedTime(closing.Since);
            if (left > patience) patience = left;
        }

        if (patience == TimeSpan.Zero) return false;
        // Rounded up: a wait counts whole milliseconds, and would be none for less.
        patience += TimeSpan.FromMilliseconds(1);
        return true;
    }

    // One thread is always there. Another is started when all are busy, and ends when there is nothing to do.
    private void StartThreadIfNeeded()
    {
        if (_idle > 0 || _threads >= MaxThreads || (_threads > 0 && _ready.Count == 0)) return;
        // One that the host does not give is asked for again by the next close, and by each thread that begins one.
        if (HostThread.TryStart("ioasis close", Run) is not null) _threads++;
    }

    private void Run()
    {
        using (_lock.Enter())
        {
            while (true)
            {
                if (_ready.TryDequeue(out int program)) CloseOneOf(program);
                else if (_ended || _idle > 0) break;
                else
                {
                    _idle++;
                    _lock.Wait();
                    _idle--;
                }
            }

            _threads--;
        }
    }

    private void CloseOneOf(int program)
    {
        Queue<Closing> queue = _queues[program];
        Closing closing = queue.Peek();
        // What else waits is another thread's, as this one may take long.
        StartThreadIfNeeded();
        using (_lock.Leave())
        {
            try { closing.Open.Release(); }
            catch (Exception e) { ErrorOutput.Say($"closing {closing.Open.Name}", e); }
        }

        queue.Dequeue();
        if (queue.Count != 0) _ready.Enqueue(program);
        else _queues.Remove(program);
        _closings.Remove(closing);
        Interlocked.Decrement(ref _count);
        _lock.PulseAll();
    }

    private sealed record Closing(IClosable Open, long Number, long Since);
}
