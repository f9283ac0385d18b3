using Ioasis.Abi;
using Ioasis.Linux.Events;
using Ioasis.Linux.Seccomp;

namespace Ioasis.Host.Serving;

/// <summary>
/// The threads that serve stopped calls. One at a time receives: every thread that waits in the kernel for a call is woken by each, so
/// a second costs 2 µs a call. The receiver serves the call itself; when that turns out to take long, another thread gets the turn, so
/// that no call waits for another's.
/// </summary>
internal sealed class ServerPool(SeccompListener listener, CallDispatcher dispatcher)
{
    private const int MaxThreads = 64;
    private const int WatchMilliseconds = 1;

    // The watcher rests after so many looks that saw no call of a node.
    private const int QuietLooks = 32;

    // Guards what follows.
    private readonly Lock _lock = new();
    private readonly Stack<ServerThread> _waiting = new();
    private int _threads;
    private ServerThread? _receiver;

    private readonly Gate _watch = new();
    private long _lastCall;
    private int _watcherRests;
    private volatile bool _stopped;

    /// <summary>Where calls come from.</summary>
    public SeccompListener Listener => listener;

    /// <summary>Starts serving.</summary>
    public void Start()
    {
        Promote(null);
        Spawn(Watch, "ioasis watch");
    }

    /// <summary>Lets the threads go that wait for their turn. Those that receive end when the filter has no users any more.</summary>
    public void Stop()
    {
        lock (_lock)
        {
            _stopped = true;
            foreach (ServerThread waiting in _waiting) waiting.GiveTurn();
            _waiting.Clear();
        }

        _watch.Open();
    }

    /// <summary>Whether the calling thread is to receive the next call; if it is not its turn, waits until it is. False at the end.</summary>
    public bool MayReceive(ServerThread thread)
    {
        if (Volatile.Read(ref _receiver) == thread) return !_stopped;
        lock (_lock)
        {
            if (_stopped) return false;
            if (_receiver == thread) return true;
            _waiting.Push(thread);
        }

        thread.AwaitTurn();
        return !_stopped;
    }

    /// <summary>Serves a call.</summary>
    public void Serve(in SeccompNotif call, ServerThread thread)
    {
        Answer answer = dispatcher.Serve(call, thread);
        // ENOENT: the caller was killed meanwhile.
        if (!answer.IsSent) listener.Send(answer.ToResponse(call.Id));
    }

    /// <summary>Notes in <paramref name="mark"/> that a call begins which can take long.</summary>
    public void NoteBlocking(ref long mark)
    {
        // A full fence: either the watcher sees the mark, or we see that it rests.
        Interlocked.Exchange(ref mark, Interlocked.Increment(ref _lastCall));
        if (Volatile.Read(ref _watcherRests) != 0 && Interlocked.Exchange(ref _watcherRests, 0) != 0) _watch.Open();
    }

    /// <summary>Whether no process is left that the filter is on.</summary>
    public bool HasNoUsers() =>
        SysEvents.Poll(listener.File, 0, 0, out short ready) != Errno.None || (ready & SysEvents.POLLHUP) != 0;

    // Gives the turn to another thread, if the receiver is still the one that was seen to be stuck.
    private void Promote(ServerThread? stuck)
    {
        lock (_lock)
        {
            if (_stopped || _receiver != stuck) return;
            if (_waiting.TryPop(out ServerThread? next))
            {
                Volatile.Write(ref _receiver, next);
                next.GiveTurn();
            }
            else if (_threads < MaxThreads)
            {
                _threads++;
                next = new ServerThread(this);
                Volatile.Write(ref _receiver, next);
                Spawn(next.Run, "ioasis serve");
            }
        }
    }

    private void Watch()
    {
        long seen = 0, seenLast = 0;
        int quiet = 0;
        while (!_stopped)
        {
            Thread.Sleep(WatchMilliseconds);
            ServerThread? receiver = Volatile.Read(ref _receiver);
            long current = receiver?.BlockingCall ?? 0;
            if (current != 0 && current == seen) Promote(receiver);
            seen = current;

            long last = Interlocked.Read(ref _lastCall);
            quiet = current == 0 && last == seenLast ? quiet + 1 : 0;
            seenLast = last;
            if (quiet < QuietLooks) continue;
            quiet = 0;
            Interlocked.Exchange(ref _watcherRests, 1);
            if (Interlocked.Read(ref _lastCall) == seenLast) _watch.Pass();
            else Interlocked.Exchange(ref _watcherRests, 0);
        }
    }

    private static void Spawn(ThreadStart run, string name) => new Thread(run) { IsBackground = true, Name = name }.Start();
}
