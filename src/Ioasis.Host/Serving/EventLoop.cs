using Ioasis.Abi;
using Ioasis.Host.Devices;
using Ioasis.Linux.Events;
using Ioasis.Linux.Files;
using Ioasis.Linux.Seccomp;
using Ioasis.Memory.Threads;

namespace Ioasis.Host.Serving;

/// <summary>
/// A thread that sees what happens without a call: files closed, queues answered, processes ended, the last user of the
/// filter gone.
/// </summary>
internal sealed class EventLoop : IDisposable
{
    private const ulong InotifyTag = 1UL << 32, ListenerTag = 2UL << 32, QueuesTag = 3UL << 32;
    private const uint Readable = (uint)SysEvents.POLLIN, EdgeTriggered = 1u << 31;
    private const int LongestWait = 128;

    private readonly FileDescriptor _epoll;
    private readonly OpenFiles _files;
    private readonly Gate _noUsers = new();

    /// <exception cref="IOException">The host cannot.</exception>
    public EventLoop(SeccompListener listener, OpenFiles files)
    {
        _files = files;
        Errno errno = SysEvents.CreateEpoll(out _epoll);
        if (errno == Errno.None) errno = SysEvents.AddToEpoll(_epoll, files.Inotify, Readable, InotifyTag);
        if (errno == Errno.None) errno = Watch(_epoll, files.Notifier);
        // A hang-up is reported unasked; asking for nothing keeps us from being woken by every call.
        if (errno == Errno.None) errno = SysEvents.AddToEpoll(_epoll, listener.File, EdgeTriggered, ListenerTag);
        if (errno != Errno.None) throw new IOException($"cannot wait for events: epoll gives {errno}");
    }

    /// <summary>Called with the ID of a watched process that has ended.</summary>
    public event Action<int>? ProcessEnded;

    /// <exception cref="IOException">The host has no thread to give.</exception>
    public void Start() => HostThread.Start("ioasis events", Run, Failed);

    /// <summary>Watches a process by its pidfd until that is closed.</summary>
    public void WatchProcess(FileDescriptor pidfd, int pid) => SysEvents.AddToEpoll(_epoll, pidfd, Readable, (uint)pid);

    /// <summary>
    /// Watches the queues' notifier: each of their events is told once, as not each is taken away by a read.
    /// </summary>
    internal static Errno Watch(FileDescriptor epoll, FileDescriptor notifier) =>
        SysEvents.AddToEpoll(epoll, notifier, Readable | EdgeTriggered, QueuesTag);

    /// <summary>Waits until no process is left that the filter is on.</summary>
    public void WaitForNoUsers() => _noUsers.Pass();

    public void Dispose() => _epoll.Dispose();

    private void Run()
    {
        Span<SysEvents.EpollEntry> ready = stackalloc SysEvents.EpollEntry[16];
        int wait = 1;
        while (true)
        {
            wait = _files.HasDoubtful ? Math.Min(2 * wait, LongestWait) : 1;
            SysResult got = SysEvents.WaitEpoll(_epoll, ready, _files.HasDoubtful ? wait : -1);
            if (!got.IsOk) return;
            if (got.Value == 0) Try(_files.LookAgain);
            foreach (SysEvents.EpollEntry entry in ready[..(int)got.Value])
            {
                if (entry.Tag is InotifyTag or QueuesTag) Try(_files.Look);
                else if (entry.Tag != ListenerTag) Try(() => ProcessEnded?.Invoke((int)entry.Tag));
                else if ((entry.Events & (uint)SysEvents.POLLHUP) != 0)
                {
                    _noUsers.Open();
                    return;
                }
            }
        }
    }

    // Nobody would see the program's end: better to stop serving than never to return.
    private void Failed(Exception e)
    {
        ErrorOutput.Say("waiting for events", e);
        _noUsers.Open();
    }

    private static void Try(Action action)
    {
        try { action(); }
        catch (Exception e) { ErrorOutput.Say("handling an event", e); }
    }
}
