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

    /// <summary>Receives a line, without its end. False if none comes, or it is too long or too slow.</summary>
    public bool TryReceive(out ReadOnlyMemory<byte> line)
    {
        var bytes = new byte[1024];
        int count = 0;
        line = default;
        for (long started = Stopwatch.GetTimestamp(); ;)
        {
            if (count == bytes.Length)
            {
                if (count >= longest) return false;
                Array.Resize(ref bytes, Math.Min(count * 2, longest));
            }

            SysResult got = SysFiles.Read(socket, bytes.AsSpan(count));
            if (got.Errno == Errno.EAGAIN)
            {
                if (Wait(SysEvents.POLLIN, started)) continue;
                return false;
            }

            if (!got.IsOk || got.Value == 0) return false;
            int end = bytes.AsSpan(count, (int)got.Value).IndexOf((byte)'\n');
            if (end >= 0)
            {
                line = bytes.AsMemory(0, count + end);
                return true;
            }

            count += (int)got.Value;
        }
    }

    /// <summary>Sends a line and its end.</summary>
    public bool TrySend(ReadOnlySpan<byte> line) => TrySendAll(line) && TrySendAll("\n"u8);

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
        return left > TimeSpan.Zero
            && SysEvents.Poll(socket, events, (int)Math.Ceiling(left.TotalMilliseconds), out _) == Errno.None;
    }
}
