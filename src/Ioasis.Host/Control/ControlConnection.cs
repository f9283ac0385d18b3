using System.Diagnostics;
using Ioasis.Abi;
using Ioasis.Linux.Events;
using Ioasis.Linux.Files;

namespace Ioasis.Host.Control;

/// <summary>
/// A connection that carries lines. Each line is limited in its length and in its total time. Owns the socket.
/// </summary>
internal sealed class ControlConnection(FileDescriptor socket, int longest = ControlConnection.LongestQuestion,
    TimeSpan? patience = null) : IDisposable
{
    /// <summary>The longest question, in bytes.</summary>
    internal const int LongestQuestion = 64 * 1024;

    /// <summary>The longest answer, in bytes.</summary>
    internal const int LongestAnswer = 64 * 1024 * 1024;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);

    private readonly TimeSpan _patience = patience ?? s_patience;
    private byte[] _bytes = new byte[1024];
    private int _count, _used; // bytes received, and how many of them are of lines that were given out

    /// <summary>
    /// Receives a line, without its end. False if none comes, or it is too long or too slow. The line is valid until
    /// the next one is received.
    /// </summary>
    public bool TryReceive(out ReadOnlyMemory<byte> line)
    {
        line = default;
        _bytes.AsSpan(_used, _count - _used).CopyTo(_bytes);
        (_count, _used) = (_count - _used, 0);
        int looked = 0;
        for (long started = Stopwatch.GetTimestamp(); ;)
        {
            int end = _bytes.AsSpan(looked, _count - looked).IndexOf((byte)'\n');
            if (end >= 0)
            {
                line = _bytes.AsMemory(0, looked + end);
                _used = looked + end + 1;
                return true;
            }

            looked = _count;
            if (_count == _bytes.Length)
            {
                if (_count >= longest) return false;
                Array.Resize(ref _bytes, Math.Min(_count * 2, longest));
            }

            SysResult got = SysFiles.Read(socket, _bytes.AsSpan(_count));
            if (got.Errno == Errno.EAGAIN)
            {
                if (Wait(SysEvents.POLLIN, started)) continue;
                return false;
            }

            if (!got.IsOk || got.Value == 0) return false;
            _count += (int)got.Value;
        }
    }

    /// <summary>Whether the other end is closed.</summary>
    public bool HasLeft =>
        SysEvents.Poll(socket, 0, 0, out short found) == Errno.None
        && (found & (SysEvents.POLLHUP | SysEvents.POLLERR)) != 0;

    /// <summary>Sends a line and its end.</summary>
    public bool TrySend(ReadOnlySpan<byte> line) => TrySendAll(line) && TrySendAll("\n"u8);

    /// <summary>Ends what is received and sent: whoever waits for it waits no longer. Any thread may call it.</summary>
    public void Shutdown() => SysSockets.Shutdown(socket);

    public void Dispose() => socket.Dispose();

    private bool TrySendAll(ReadOnlySpan<byte> bytes)
    {
        for (long started = Stopwatch.GetTimestamp(); !bytes.IsEmpty;)
        {
            SysResult put = SysFiles.Write(socket, bytes);
            if (put.IsOk) bytes = bytes[(int)put.Value..];
            else if (put.Errno != Errno.EAGAIN || !Wait(SysEvents.POLLOUT, started)) return false;
        }

        return true;
    }

    private bool Wait(short events, long started)
    {
        TimeSpan left = _patience - Stopwatch.GetElapsedTime(started);
        int milliseconds = (int)Math.Min(Math.Ceiling(left.TotalMilliseconds), int.MaxValue);
        return left > TimeSpan.Zero && SysEvents.Poll(socket, events, milliseconds, out _) == Errno.None;
    }
}
