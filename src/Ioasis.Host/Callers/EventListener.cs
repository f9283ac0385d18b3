using System.Collections.Concurrent;
using Ioasis.Abi;
using Ioasis.Linux.Events;
using Ioasis.Linux.Files;

namespace Ioasis.Host.Callers;

/// <summary>The thread that waits for eventfds of programs that make us do something. It runs from the first one on.</summary>
internal sealed class EventListener
{
    private const uint Readable = (uint)SysEvents.POLLIN;
    private static readonly Lazy<EventListener> s_shared = new(() => new EventListener());

    private readonly FileDescriptor _epoll;
    private readonly ConcurrentDictionary<ulong, Listening> _listening = new();
    private ulong _next;

    private EventListener()
    {
        Errno errno = SysEvents.CreateEpoll(out _epoll);
        if (errno != Errno.None) throw new IOException($"cannot wait for eventfds: epoll gives {errno}");
        new Thread(Run) { IsBackground = true, Name = "ioasis eventfds" }.Start();
    }

    /// <summary>The only one.</summary>
    internal static EventListener Shared => s_shared.Value;

    /// <summary>Calls back whenever the eventfd was raised, and sets it back.</summary>
    internal IDisposable Listen(FileDescriptor file, Action raised)
    {
        ulong tag = Interlocked.Increment(ref _next);
        var listening = new Listening(this, tag, file, raised);
        _listening[tag] = listening;
        Errno errno = SysEvents.AddToEpoll(_epoll, file, Readable, tag);
        if (errno != Errno.None) throw new IOException($"cannot wait for an eventfd: epoll gives {errno}");
        return listening;
    }

    private void Run()
    {
        Span<SysEvents.EpollEntry> ready = stackalloc SysEvents.EpollEntry[16];
        while (true)
        {
            SysResult got = SysEvents.WaitEpoll(_epoll, ready, -1);
            if (!got.IsOk) throw new IOException($"cannot wait for eventfds: epoll gives {got.Errno}");
            foreach (SysEvents.EpollEntry entry in ready[..(int)got.Value])
                if (_listening.TryGetValue(entry.Tag, out Listening? listening)) listening.Tell();
        }
    }

    private sealed class Listening(EventListener owner, ulong tag, FileDescriptor file, Action raised) : IDisposable
    {
        public void Dispose()
        {
            if (owner._listening.TryRemove(tag, out _)) SysEvents.RemoveFromEpoll(owner._epoll, file);
        }

        internal void Tell()
        {
            try
            {
                // The program may have read it meanwhile; its descriptor may block, ours must not.
                if (SysEvents.TryReadEventFd(file, out _) == Errno.None) raised();
            }
            catch (ObjectDisposedException)
            {
                // It was disposed after it became ready.
            }
            catch (Exception e)
            {
                ErrorOutput.Say($"handling an eventfd failed: {e}");
            }
        }
    }
}
