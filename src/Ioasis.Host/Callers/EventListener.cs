using System.Collections.Concurrent;
using Ioasis.Abi;
using Ioasis.Linux.Events;
using Ioasis.Linux.Files;
using Ioasis.Memory.Threads;

namespace Ioasis.Host.Callers;

/// <summary>
/// The thread that waits for a program's eventfds that trigger one device. It runs while there are any. Each device has
/// its own thread, so a slow device delays no other's eventfds.
/// </summary>
internal sealed class EventListener
{
    // Edge-triggered: an event that the read cannot clear, as of a semaphore, is reported once.
    private const uint Raised = (uint)SysEvents.POLLIN | 1u << 31;
    private const ulong WakeTag = 0;

    // Guards the listeners and their numbers of eventfds. Innermost; never held during a callback.
    private static readonly RankedLock s_lock = new(LockRank.EventListeners);
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
    /// Calls back whenever the eventfd is signalled, and resets it if <paramref name="resets"/> is set. Callbacks of
    /// one owner run one after the other.
    /// </summary>
    /// <returns>ENOMEM if the host lacks a thread, a descriptor or memory now. The next call tries again.</returns>
    internal static Errno Listen(
        object owner, FileDescriptor file, Action raised, bool resets, out IDisposable? listening)
    {
        listening = null;
        using (s_lock.Enter())
        {
            bool isNew = !s_byOwner.TryGetValue(owner, out EventListener? listener);
            if (isNew && !TryCreate(owner, out listener)) return Errno.ENOMEM;
            if (listener!.TryAdd(file, raised, resets, out listening)) return Errno.None;
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

    private bool TryAdd(FileDescriptor file, Action raised, bool resets, out IDisposable? listening)
    {
        ulong tag = ++_last;
        var made = new Listening(this, tag, file, raised, resets);
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

    // The caller holds the lock.
    private void End()
    {
        if (s_byOwner.TryGetValue(_owner, out EventListener? present) && present == this) s_byOwner.Remove(_owner);
        if (!_wake.IsClosed) SysEvents.WriteEventFd(_wake, 1);
    }

    // The owner's next eventfd gets a new listener.
    private void Failed(Exception e)
    {
        HostMessages.Tell("waiting for eventfds", e);
        using (s_lock.Enter()) End();
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

    private sealed class Listening(
        EventListener listener, ulong tag, FileDescriptor file, Action raised, bool resets) : IDisposable
    {
        public void Dispose()
        {
            using (s_lock.Enter())
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
                // The program may have read it meanwhile. Its descriptor may block; our read must not.
                if (!resets || SysEvents.TryReadEventFd(file, out _) == Errno.None) raised();
            }
            catch (ObjectDisposedException)
            {
                // It was disposed of after it became ready.
            }
            catch (Exception e)
            {
                HostMessages.Tell("handling an eventfd", e);
            }
        }
    }
}
