using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Diagnostics;
using Ioasis.Abi;
using Ioasis.Linux.Events;
using Ioasis.Linux.Files;
using Ioasis.Memory.Threads;

namespace Ioasis.Host.Devices;

/// <summary>What the kernel tells of the files that programs have open.</summary>
internal sealed partial class OpenFiles
{
    private const int EventSize = 16, ReadyAtOnce = 16;
    private const ulong InotifyTag = 0;

    private readonly FileDescriptor _inotify;

    // The epoll holds the inotify and our ends of queues: that nothing is ready there is seen for half of what a read
    // that finds nothing takes. The notifier holds the ends too. An epoll that another one waits on can for a moment
    // seem to have nothing ready to a thread that asks it without waiting.
    private readonly FileDescriptor _epoll, _notifier;

    private readonly byte[] _events = new byte[256 * EventSize]; // guarded by the table's lock

    // Held while what programs wrote takes effect, in the order in which it was told: it is told under the table's lock
    // and takes effect without it. A call waits for all that was told before it came.
    private readonly RankedLock _settling = new(LockRank.Settling);
    private readonly ConcurrentQueue<(OpenFile Open, uint Events)> _told = new();
    private int _unsettled;

    private Errno Watch(OpenFile open)
    {
        if (open.Carrier is QueueCarrier queue)
        {
            Errno errno = queue.Watch([_epoll, _notifier], _lastTag + 1);
            if (errno == Errno.None) _byTag.Add(++_lastTag, open);
            open.Tag = _lastTag;
            return errno;
        }

        uint events = SysEvents.IN_CLOSE_WRITE | SysEvents.IN_CLOSE_NOWRITE;
        if (open.File is IWrittenFile) events |= SysEvents.IN_MODIFY;
        SysResult watch = SysEvents.AddWatch(_inotify, ((Carrier)open.Carrier).OwnPath, events);
        if (!watch.IsOk) return watch.Errno;
        open.Watch = (int)watch.Value;
        _byWatch.Add(open.Watch, open);
        return Errno.None;
    }

    private void Unwatch(OpenFile open)
    {
        if (open.Carrier is QueueCarrier queue)
        {
            _byTag.Remove(open.Tag);
            queue.Disconnect();
            return;
        }

        _byWatch.Remove(open.Watch);
        SysEvents.RemoveWatch(_inotify, open.Watch);
    }

    // A close(2) puts the inotify on the epoll's list before it returns. Only here is that list looked at, under the
    // lock: a thread that looked at the same time could find it empty. Queues that are ready go to the end of the line,
    // and each is taken once, so that programs that go on writing cannot hold us.
    private void TakeEvents()
    {
        Span<SysEvents.EpollEntry> ready = stackalloc SysEvents.EpollEntry[ReadyAtOnce];
        int rounds = 1 + (_byTag.Count / ReadyAtOnce);
        bool more = true;
        while (more)
        {
            int count = SysEvents.TakeReady(_epoll, ready);
            more = count == ReadyAtOnce && --rounds > 0;
            for (int i = 0; i < count; i++)
            {
                if (ready[i].Tag != InotifyTag)
                {
                    if (_byTag.TryGetValue(ready[i].Tag, out OpenFile? open)) Tell(open, ready[i].Events);
                    continue;
                }

                SysResult got = SysFiles.Read(_inotify, _events);
                if (!got.IsOk || got.Value == 0) continue;
                Take(_events.AsSpan(0, (int)got.Value));
                more = true;
            }
        }
    }

    // struct inotify_event: wd, mask, cookie, len, and a name, which events of a watched file do not have.
    private void Take(ReadOnlySpan<byte> events)
    {
        while (events.Length >= EventSize)
        {
            uint mask = BinaryPrimitives.ReadUInt32LittleEndian(events[4..]);
            int watch = BinaryPrimitives.ReadInt32LittleEndian(events);
            if ((mask & SysEvents.IN_Q_OVERFLOW) != 0)
                foreach (OpenFile open in _byWatch.Values.ToArray()) Judge(open, mask);
            else if ((mask & SysEvents.IN_IGNORED) == 0 && _byWatch.TryGetValue(watch, out OpenFile? open))
                Judge(open, mask);
            events = events[(EventSize + BinaryPrimitives.ReadInt32LittleEndian(events[12..]))..];
        }
    }

    // The event comes a moment before the kernel lets the file go, and a file opened again through /proc has an event
    // of its own.
    private void Judge(OpenFile open, uint mask)
    {
        const uint Written = SysEvents.IN_MODIFY | SysEvents.IN_Q_OVERFLOW;
        if ((mask & Written) != 0 && open.File is IWrittenFile && open.TryHold()) Tell(open, mask);
        if (mask == SysEvents.IN_MODIFY) return;
        if (IsClosed(open) || open.IsRecent) return;
        open.IsRecent = true;
        _recent.Enqueue((open, Stopwatch.GetTimestamp()));
    }

    private void Tell(OpenFile open, uint events)
    {
        Interlocked.Increment(ref _unsettled);
        _told.Enqueue((open, events));
    }

    private void Settle()
    {
        if (Volatile.Read(ref _unsettled) == 0) return;
        using (_settling.Enter())
        {
            for (int left = _told.Count; left > 0 && _told.TryDequeue(out (OpenFile Open, uint Events) told); left--)
            {
                try
                {
                    if (told.Open.File is IWrittenFile written) written.Written();
                    else if (!told.Open.IsAbandoned && ((QueueCarrier)told.Open.Carrier).Serve(told.Events))
                        Remove(told.Open);
                }
                catch (ObjectDisposedException) when (told.Open.IsAbandoned)
                {
                    // a queue that found no place in its program
                }
                catch (Exception e)
                {
                    ErrorOutput.Say($"taking what was written to {told.Open.Name}", e);
                }
                finally
                {
                    if (told.Open.File is IWrittenFile) told.Open.Release();
                    Interlocked.Decrement(ref _unsettled);
                }
            }
        }
    }
}
