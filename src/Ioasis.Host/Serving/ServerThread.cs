using Ioasis.Abi;

namespace Ioasis.Host.Serving;

/// <summary>One of the threads that serve stopped calls, with the buffers that it needs again and again.</summary>
internal sealed class ServerThread(ServerPool pool)
{
    private readonly Gate _turn = new();
    private long _blockingCall;

    /// <summary>Room for a path.</summary>
    public byte[] Path { get; } = new byte[4096];

    /// <summary>A number for the call of a node's file that is under way, or 0: only such calls can take long.</summary>
    public long BlockingCall => Interlocked.Read(ref _blockingCall);

    /// <summary>A node's file is called from here on, which can take as long as it likes.</summary>
    public void EnterBlocking() => pool.NoteBlocking(ref _blockingCall);

    /// <summary>The call of the node's file is over.</summary>
    public void LeaveBlocking() => Volatile.Write(ref _blockingCall, 0);

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
