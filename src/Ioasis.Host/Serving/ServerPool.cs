using Ioasis.Abi;
using Ioasis.Host.Callers;
using Ioasis.Host.Filter;
using Ioasis.Linux.Events;
using Ioasis.Linux.Seccomp;
using Ioasis.Memory.Threads;

namespace Ioasis.Host.Serving;

/// <summary>
/// The threads that serve stopped calls. One at a time receives: every thread that waits in the kernel for a call is
/// woken by each, so a second costs 2 µs a call. The receiver serves the call itself; when that turns out to take long,
/// another thread gets the turn, so that no call waits for another program's. What the calls of one program can hold is
/// its <see cref="ProgramShares"/>.
/// </summary>
internal sealed class ServerPool(SeccompListener listener, CallDispatcher dispatcher, StandingCalls standing)
{
    /// <summary>Threads that there can be: the shares of so many programs whose calls never end.</summary>
    private const int MaxThreads = 256 * ProgramShares.MostHeld;

    // Threads that wait for their turn. One is always there before it is needed: when it is, the host may have none to
    // give.
    private const int LeastWaiting = 1, MostWaiting = 8;

    private const int StackSize = 512 << 10;
    private const int WatchMilliseconds = 1;

    // The watcher rests after so many looks that saw no call.
    private const int QuietLooks = 32;

    // Guards what follows. That of the shares is taken within.
    private readonly RankedLock _lock = new(LockRank.ServerPool);
    private readonly Stack<ServerThread> _waiting = new();
    private int _threads, _starting;
    private ServerThread? _receiver;

    private readonly ProgramShares _shares = new();
    private readonly Gate _watch = new();
    private long _lastCall;
    private int _watcherRests;
    private volatile bool _stopped;

    /// <summary>Where calls come from.</summary>
    public SeccompListener Listener => listener;

    /// <summary>How many threads serve.</summary>
    public int Threads
    {
        get { using (_lock.Enter()) return _threads; }
    }

    /// <summary>Starts serving.</summary>
    /// <exception cref="IOException">The host has no thread for us.</exception>
    public void Start()
    {
        var first = new ServerThread(this);
        _receiver = first;
        if (!TryStart(first)) throw new IOException("the host gives no thread that serves calls");
        HostThread.Start("ioasis watch", Watch);
    }

    /// <summary>
    /// Lets the threads go that wait for their turn. Those that receive end when the filter has no users any more.
    /// </summary>
    public void Stop()
    {
        using (_lock.Enter())
        {
            _stopped = true;
            foreach (ServerThread waiting in _waiting) waiting.GiveTurn();
            _waiting.Clear();
        }

        _watch.Open();
    }

    /// <summary>
    /// Whether the calling thread is to receive the next call; if it is not its turn, waits until it is. False at the
    /// end.
    /// </summary>
    public bool MayReceive(ServerThread thread)
    {
        if (Volatile.Read(ref _receiver) == thread) return !_stopped;
        ServeWhatWasKept(thread);
        using (_lock.Enter())
        {
            if (thread.IsStarting) _starting--;
            thread.IsStarting = false;
            if (_receiver != thread)
            {
                if (_stopped || _waiting.Count >= MostWaiting)
                {
                    _threads--;
                    return false;
                }

                _waiting.Push(thread);
            }
        }

        if (_receiver != thread) thread.AwaitTurn();
        return !_stopped;
    }

    /// <summary>Serves a call that was received.</summary>
    public void Serve(in SeccompNotif call, ServerThread thread)
    {
        standing.Add(call.Id);
        if (_shares.AnyIsFull && _shares.TryKeep(KeyOf(call), call)) return;
        ServeNow(call, thread);
    }

    /// <summary>Notes in <paramref name="mark"/> that a call begins.</summary>
    public void NoteCall(ref long mark)
    {
        // A full fence: either the watcher sees the mark, or we see that it rests.
        Interlocked.Exchange(ref mark, Interlocked.Increment(ref _lastCall));
        if (Volatile.Read(ref _watcherRests) != 0 && Interlocked.Exchange(ref _watcherRests, 0) != 0) _watch.Open();
    }

    /// <summary>Whether no process is left that the filter is on.</summary>
    public bool HasNoUsers() =>
        SysEvents.Poll(listener.File, 0, 0, out short ready) != Errno.None || (ready & SysEvents.POLLHUP) != 0;

    private void ServeNow(in SeccompNotif call, ServerThread thread)
    {
        thread.Begin(call);
        Answer answer = dispatcher.Serve(call, thread);
        // ENOENT: the caller was killed meanwhile.
        if (!answer.IsSent) listener.Send(answer.ToResponse(call.Id));
        standing.Remove(call.Id);
        thread.End();
    }

    // Of a thread that was held: the calls of that program which were kept meanwhile.
    private void ServeWhatWasKept(ServerThread thread)
    {
        ShareKey? key;
        using (_lock.Enter()) key = thread.HeldBy;
        if (key is not { } held) return;
        while (_shares.TryTakeNext(held, out SeccompNotif call))
        {
            if (listener.IsValid(call.Id)) ServeNow(call, thread);
            else standing.Remove(call.Id);
        }

        using (_lock.Enter()) thread.HeldBy = null;
    }

    private static ShareKey KeyOf(in SeccompNotif call)
    {
        int thread = (int)call.Pid;
        // A number of a thread that is gone is nobody's share.
        if (!ThreadStatus.TryReadProcess(thread, out int process)) process = thread;
        return new ShareKey(process, TrappedCalls.KindOf(call.Data) > CallKind.Unmap);
    }

    private void Watch()
    {
        long seen = 0, seenLast = 0;
        int quiet = 0;
        while (!_stopped)
        {
            Thread.Sleep(WatchMilliseconds);
            ServerThread? receiver = Volatile.Read(ref _receiver);
            long current = receiver?.Serving ?? 0;
            if (current != 0 && current == seen) Promote(receiver!, current);
            else KeepOneWaiting();
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

    // Gives the turn to another thread, if the receiver is still at the call that was seen to take long. Where none
    // waits, the next look tries again.
    private void Promote(ServerThread stuck, long serving)
    {
        KeepOneWaiting();
        SeccompNotif call = stuck.Call;
        ShareKey key = KeyOf(call);
        using (_lock.Enter())
        {
            if (_stopped || _receiver != stuck || stuck.Serving != serving || !_waiting.TryPop(out ServerThread? next))
                return;
            stuck.HeldBy = key;
            _shares.Hold(key);
            Volatile.Write(ref _receiver, next);
            next.GiveTurn();
        }
    }

    // A fault of ours ended a thread: calls must go on being received.
    private void Lost(ServerThread thread, Exception e)
    {
        ErrorOutput.Say("serving calls", e);
        using (_lock.Enter())
        {
            _threads--;
            if (_receiver != thread) return;
            if (_waiting.TryPop(out ServerThread? next)) next.GiveTurn();
            Volatile.Write(ref _receiver, next);
            if (next is not null) return;
        }

        var another = new ServerThread(this);
        Volatile.Write(ref _receiver, another);
        TryStart(another);
    }

    private void KeepOneWaiting()
    {
        using (_lock.Enter())
            if (_stopped || _waiting.Count + _starting >= LeastWaiting || _threads >= MaxThreads) return;
        TryStart(new ServerThread(this) { IsStarting = true });
    }

    private bool TryStart(ServerThread thread)
    {
        using (_lock.Enter()) Count(1);
        if (HostThread.TryStart("ioasis serve", thread.Run, e => Lost(thread, e), StackSize) is not null) return true;
        using (_lock.Enter()) Count(-1);
        return false;

        void Count(int one)
        {
            _threads += one;
            if (thread.IsStarting) _starting += one;
        }
    }
}
