using Ioasis.Abi;

namespace Ioasis.Host.Serving;

/// <summary>One of the threads that serve stopped calls, with the buffers that it needs again and again.</summary>
internal sealed class ServerThread(ServerPool pool)
{
    private readonly Gate _turn = new();
    private SeccompNotif _call;
    private long _serving;

    /// <summary>Room for a path.</summary>
    public byte[] Path { get; } = new byte[4096];

    /// <summary>A number for the call that is under way, or 0. Each can take as long as its program likes.</summary>
    public long Serving => Interlocked.Read(ref _serving);

    /// <summary>The call that is under way, while <see cref="Serving"/> says that there is one.</summary>
    public ref readonly SeccompNotif Call => ref _call;

    /// <summary>Whose call holds the thread, once that was seen to take long. Guarded by the pool's lock.</summary>
    public ShareKey? HeldBy { get; set; }

    /// <summary>Whether it has yet to ask for its turn for the first time. Guarded by the pool's lock.</summary>
    public bool IsStarting { get; set; }

    /// <summary>A call begins.</summary>
    public void Begin(in SeccompNotif call)
    {
        _call = call;
        pool.NoteCall(ref _serving);
    }

    /// <summary>It is over.</summary>
    public void End() => Volatile.Write(ref _serving, 0);

    /// <summary>Lets the thread receive calls.</summary>
    public void GiveTurn() => _turn.Open();

    /// <summary>Waits until it is to receive calls.</summary>
    public void AwaitTurn() => _turn.Pass();

    /// <summary>Receives and serves calls for as long as it is this thread's turn, then waits for the next.</summary>
    public void Run()
    {
        try
        {
            while (pool.MayReceive(this))
            {
                Errno errno = pool.Listener.Receive(out SeccompNotif call);
                if (errno == Errno.None) pool.Serve(call, this);
                else if (errno is not (Errno.EINTR or Errno.ENOENT) || pool.HasNoUsers()) return;
            }
        }
        catch (ObjectDisposedException)
        {
            // The listener: the last user of the filter is gone.
        }
    }
}
