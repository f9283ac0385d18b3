using Ioasis.Abi;
using Ioasis.Core.Threads;
using Ioasis.Linux.Files;

namespace Ioasis.Host.Control;

/// <summary>
/// Takes those who ask about a program while it runs. Nothing of the program waits for it. Each asker has a thread of
/// its own, so that a slow one keeps nobody else out, and a bounded time.
/// </summary>
internal sealed class ControlSocket : IDisposable
{
    /// <summary>How many are answered at a time; others wait for their turn.</summary>
    internal const int MostAskers = 8;

    // After a failure that may go by itself: too few descriptors, no thread.
    private static readonly TimeSpan s_rest = TimeSpan.FromMilliseconds(200);

    // Guards what follows. Nothing else is locked, and nothing waited for, while it is held.
    private readonly object _lock = new();
    private readonly int _program;
    private readonly Func<ReadOnlyMemory<byte>, byte[]> _answer;
    private readonly Func<ControlDirectory> _open;
    private FileDescriptor? _listener;
    private ControlDirectory? _directory;
    private int _askers;
    private bool _hasEnded;

    /// <summary>Begins to answer for a program, which does not wait for that.</summary>
    /// <param name="program">The program.</param>
    /// <param name="answer">Answers a line by a line, on any thread.</param>
    /// <param name="open">Opens the directory; null: the user's.</param>
    public ControlSocket(int program, Func<ReadOnlyMemory<byte>, byte[]> answer, Func<ControlDirectory>? open = null)
    {
        _program = program;
        _answer = answer;
        _open = open ?? ControlDirectory.Open;
        if (HostThread.TryStart("ioasis control", Serve, CannotBeAsked) is null)
            CannotBeAsked(new IOException("the host gives no thread for it"));
    }

    /// <summary>Answers no more, and takes the socket away.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _hasEnded = true;
            Monitor.PulseAll(_lock);
            if (_listener is null) return;
            SysSockets.Shutdown(_listener);
            _listener.Dispose(); // closed when the thread has left it
            _directory!.Remove(_program);
            _directory.Dispose();
        }
    }

    private static void CannotBeAsked(Exception e) =>
        HostMessages.Tell($"walk and faults cannot ask about this program: {e.Message}");

    private void Serve()
    {
        if (Open() is not { } listener) return;
        while (MayServe())
        {
            Errno errno;
            FileDescriptor socket;
            try { errno = SysSockets.Accept(listener, out socket); }
            catch (ObjectDisposedException) { return; }
            if (errno == Errno.None && TryStart(socket)) continue;
            if (!Rest()) return;
        }
    }

    private FileDescriptor? Open()
    {
        while (true)
        {
            try
            {
                ControlDirectory directory = _open();
                lock (_lock)
                {
                    if (!_hasEnded)
                    {
                        _directory = directory;
                        return _listener = directory.Listen(_program);
                    }
                }

                directory.Dispose();
                return null;
            }
            catch (ControlException e) when (e.IsTransient)
            {
                if (!Rest()) return null;
            }
        }
    }

    // Waits until there is room for one more. False at the end.
    private bool MayServe()
    {
        lock (_lock)
        {
            while (_askers >= MostAskers && !_hasEnded) Monitor.Wait(_lock);
            return !_hasEnded;
        }
    }

    private bool Rest()
    {
        lock (_lock)
        {
            if (!_hasEnded) Monitor.Wait(_lock, s_rest);
            return !_hasEnded;
        }
    }

    private bool TryStart(FileDescriptor socket)
    {
        lock (_lock) _askers++;
        if (HostThread.TryStart("ioasis answer", () => Answer(socket), _ => { }) is not null) return true;
        socket.Dispose();
        Leave();
        return false;
    }

    private void Answer(FileDescriptor socket)
    {
        try
        {
            using var asker = new ControlConnection(socket);
            if (asker.TryReceive(out ReadOnlyMemory<byte> line)) asker.TrySend(_answer(line));
        }
        finally
        {
            Leave();
        }
    }

    private void Leave()
    {
        lock (_lock)
        {
            _askers--;
            Monitor.PulseAll(_lock);
        }
    }
}
