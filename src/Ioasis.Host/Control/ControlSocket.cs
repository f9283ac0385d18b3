using System.Diagnostics;
using System.Text.Json;
using Ioasis.Abi;
using Ioasis.Linux.Files;
using Ioasis.Linux.Processes;
using Ioasis.Memory.Threads;

namespace Ioasis.Host.Control;

/// <summary>
/// Accepts questions about a program while it runs. The program never waits for it. Each client has a thread of its own
/// and limited time, so a slow client keeps no other one out.
/// </summary>
internal sealed class ControlSocket : IDisposable
{
    /// <summary>The most clients that are served at a time. Others wait.</summary>
    internal const int MostAskers = 8;

    /// <summary>The most subscribers at a time. Others are refused.</summary>
    internal const int MostSubscribers = 16;

    /// <summary>The line that comes first: all that happens from now on follows.</summary>
    internal static ReadOnlySpan<byte> Subscribed => "{\"event\":\"subscribed\"}"u8;

    // How soon it is noticed that a subscriber left, or that the program ended.
    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(200);

    // How long the end waits for subscribers to read what happened last.
    private static readonly TimeSpan s_lastPatience = TimeSpan.FromMilliseconds(500);

    // Pause after a failure that may pass: too few descriptors, no thread.
    private static readonly TimeSpan s_rest = TimeSpan.FromMilliseconds(200);

    // Guards the fields below. No other lock is taken, and no one waits, while holding it.
    private readonly RankedMonitor _lock = new(LockRank.ControlSocket);
    private readonly int _program;
    private readonly Func<ReadOnlyMemory<byte>, byte[]> _answer;
    private readonly Func<ReadOnlyMemory<byte>, IControlStream?>? _subscribe;
    private readonly Func<ControlDirectory> _open;
    private readonly List<IControlStream> _streams = [];
    private FileDescriptor? _listener;
    private ControlDirectory? _directory;
    private int _askers;
    private bool _hasEnded;

    /// <summary>Begins to accept questions, in the background.</summary>
    /// <param name="program">The program's process ID.</param>
    /// <param name="answer">Answers a line with a line, on any thread.</param>
    /// <param name="open">Opens the directory; null for the user's.</param>
    /// <param name="subscribe">Begins what a line subscribes to; null where it answers with a line.</param>
    public ControlSocket(
        int program, Func<ReadOnlyMemory<byte>, byte[]> answer, Func<ControlDirectory>? open = null,
        Func<ReadOnlyMemory<byte>, IControlStream?>? subscribe = null)
    {
        _program = program;
        _answer = answer;
        _subscribe = subscribe;
        _open = open ?? ControlDirectory.Open;
        if (HostThread.TryStart("ioasis control", Serve, CannotBeAsked) is null)
            CannotBeAsked(new IOException("the host gives no thread for it"));
    }

    /// <summary>Stops accepting, and removes the socket.</summary>
    public void Dispose()
    {
        IControlStream[] streams;
        using (_lock.Enter())
        {
            if (_hasEnded) return;
            _hasEnded = true;
            _lock.PulseAll();
            streams = [.. _streams];
        }

        foreach (IControlStream stream in streams) stream.Close();
        using (_lock.Enter())
        {
            long ended = Stopwatch.GetTimestamp();
            while (_streams.Count != 0 && s_lastPatience - Stopwatch.GetElapsedTime(ended) is { Ticks: > 0 } left)
                _lock.Wait(left);
            if (_listener is null) return;
            SysSockets.Shutdown(_listener);
            _listener.Dispose(); // closed once the thread no longer uses it
            _directory!.Remove(_program);
            _directory.Dispose();
        }
    }

    private static void CannotBeAsked(Exception e) =>
        HostMessages.Tell($"ps, state, walk and faults cannot ask about this program: {e.Message}");

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
                using (_lock.Enter())
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

    // Waits until another client can be served. False at the end.
    private bool MayServe()
    {
        using (_lock.Enter())
        {
            while (_askers >= MostAskers && !_hasEnded) _lock.Wait();
            return !_hasEnded;
        }
    }

    private bool Rest()
    {
        using (_lock.Enter())
        {
            if (!_hasEnded) _lock.Wait(s_rest);
            return !_hasEnded;
        }
    }

    private bool TryStart(FileDescriptor socket)
    {
        using (_lock.Enter()) _askers++;
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
            if (!IsOfUser(socket))
            {
                asker.TrySend(JsonSerializer.SerializeToUtf8Bytes(new ControlAnswer(
                    $"only the user who started the program (ID {SysProcesses.EffectiveUser}) may ask")));
                return;
            }

            if (!asker.TryReceive(out ReadOnlyMemory<byte> line)) return;
            using IControlStream? stream = _subscribe?.Invoke(line);
            if (stream is null) asker.TrySend(_answer(line));
            else Follow(asker, stream);
        }
        finally
        {
            Leave();
        }
    }

    // The directory keeps others out. This holds even where its permissions were changed since, or for root.
    private static bool IsOfUser(FileDescriptor socket) =>
        SysSockets.PeerUser(socket, out uint user) == Errno.None && user == SysProcesses.EffectiveUser;

    // Other askers are served meanwhile.
    private void Follow(ControlConnection asker, IControlStream stream)
    {
        if (!TryEnter(stream))
        {
            asker.TrySend(JsonSerializer.SerializeToUtf8Bytes(
                new ControlAnswer($"there are {MostSubscribers} subscribers already")));
            return;
        }

        try
        {
            if (!asker.TrySend(Subscribed)) return;
            List<byte[]> lines = [];
            for (bool goesOn = true; goesOn && !asker.HasLeft; lines.Clear())
            {
                goesOn = stream.TryNext(s_look, lines);
                foreach (byte[] line in lines)
                    if (!asker.TrySend(line)) return;
            }
        }
        finally
        {
            using (_lock.Enter())
            {
                _streams.Remove(stream);
                _askers++; // which Leave takes back
                _lock.PulseAll();
            }
        }
    }

    private bool TryEnter(IControlStream stream)
    {
        using (_lock.Enter())
        {
            if (_streams.Count == MostSubscribers || _hasEnded) return false;
            _streams.Add(stream);
            _askers--;
            _lock.PulseAll();
            return true;
        }
    }

    private void Leave()
    {
        using (_lock.Enter())
        {
            _askers--;
            _lock.PulseAll();
        }
    }
}
