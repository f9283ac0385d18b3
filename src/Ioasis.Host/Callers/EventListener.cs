using System.Collections.Concurrent;
using Ioasis.Abi;
using Ioasis.Core.Threads;
using Ioasis.Linux.Events;
using Ioasis.Linux.Files;

namespace Ioasis.Host.Callers;

/// <summary>
/// The thread that waits for the eventfds of programs that make one device do something. It runs while there are any.
/// Each device has its own: what one device does takes as long as it takes, and the others' eventfds do not wait for
/// it.
/// </summary>
internal sealed class EventListener
{
    // A signal is an event of its own: one that the read cannot take away, as of a semaphore, is not seen twice.
    private const uint Raised = (uint)SysEvents.POLLIN | 1u << 31;
    private const ulong WakeTag = 0;

    // Guards which listeners there are and how many eventfds each has. Innermost; never held while something is done.
    private static readonly Lock s_lock = new();
    private static readonly Dictionary<object, EventListener> s_byOwner = new(ReferenceEqualityComparer.Instance);

    private readonly object _owner;
    private readonly FileDescriptor _epoll, _wake;
    private readonly ConcurrentDictionary<ulong, Listening> _listening = new();
    private ulong _last = WakeTag;

    private EventListener(object owner, FileDescriptor epoll, FileDescriptor wake)
    {
        _owner = owner;
        _epoll = epoll;
        _wake = wake;
    }

    /// <summary>
    /// Calls back whenever the eventfd was raised, and sets it back. Those of one owner are called one after the other.
    /// </summary>
    /// <returns>ENOMEM: the host has no thread, descriptor or memory for it now. The next call tries again.</returns>
    internal static Errno Listen(object owner, FileDescriptor file, Action raised, out IDisposable? listening)
    {
        listening = null;
        lock (s_lock)
        {
            bool isNew = !s_byOwner.TryGetValue(owner, out EventListener? listener);
            if (isNew && !TryCreate(owner, out listener)) return Errno.ENOMEM;
            if (listener!.TryAdd(file, raised, out listening)) return Errno.None;
            if (isNew) listener.End();
            return Errno.ENOMEM;
        }
    }

    private static bool TryCreate(object owner, out EventListener? listener)
    {
        listener = null;
        Errno errno = SysEvents.CreateEpoll(out FileDescriptor epoll);
        if (errno != Errno.None) return false;
        errno = SysEvents.CreateEventFd(0, SysEvents.EFD_NONBLOCK, out FileDescriptor wake);
        if (errno == Errno.None) errno = SysEvents.AddToEpoll(epoll, wake, Raised, WakeTag);
        var made = new EventListener(owner, epoll, wake);
        if (errno == Errno.None && HostThread.TryStart("ioasis eventfds", made.Run, made.Failed) is not null)
        {
            s_byOwner.Add(owner, made);
            listener = made;
            return true;
        }

        epoll.Dispose();
        wake.Dispose();
        return false;
    }

    private bool TryAdd(FileDescriptor file, Action raised, out IDisposable? listening)
    {
        ulong tag = ++_last;
        var made = new Listening(this, tag, file, raised);
        _listening[tag] = made;
        if (SysEvents.AddToEpoll(_epoll, file, Raised, tag) == Errno.None)
        {
            listening = made;
            return true;
        }

        _listening.TryRemove(tag, out _);
        listening = null;
        return false;
    }

    // Under the lock.
    private void End()
    {
        if (s_byOwner.TryGetValue(_owner, out EventListener? present) && present == this) s_byOwner.Remove(_owner);
        if (!_wake.IsClosed) SysEvents.WriteEventFd(_wake, 1);
    }

    // The next eventfd of the owner gets a listener of its own.
    private void Failed(Exception e)
    {
        HostMessages.Tell("waiting for eventfds", e);
        lock (s_lock) End();
    }

    private void Run()
    {
        Span<SysEvents.EpollEntry> ready = stackalloc SysEvents.EpollEntry[16];
        using (_epoll)
        using (_wake)
        {
            while (true)
            {
                SysResult got = SysEvents.WaitEpoll(_epoll, ready, -1);
                if (!got.IsOk) throw new IOException($"epoll gives {got.Errno}");
                foreach (SysEvents.EpollEntry entry in ready[..(int)got.Value])
                {
                    if (entry.Tag == WakeTag) return;
                    if (_listening.TryGetValue(entry.Tag, out Listening? listening)) listening.Tell();
                }
            }
        }
    }

    private sealed class Listening(EventListener listener, ulong tag, FileDescriptor file, Action raised) : IDisposable
    {
        public void Dispose()
        {
            lock (s_lock)
            {
                if (!listener._listening.TryRemove(tag, out _)) return;
                if (!listener._epoll.IsClosed) SysEvents.RemoveFromEpoll(listener._epoll, file);
                if (listener._listening.IsEmpty) listener.End();
            }
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
                HostMessages.Tell("handling an eventfd", e);
            }
        }
    }
}
