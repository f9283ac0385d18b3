using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Linux.Events;
using Ioasis.Linux.Files;
using Ioasis.Linux.Processes;
using Ioasis.Memory.Threads;

namespace Ioasis.Host.Devices;

/// <summary>
/// The queues that programs have open. What programs do to them the kernel does; we see it by our ends.
/// </summary>
internal sealed class OpenQueues : IDisposable
{
    private const int AtOnce = 16;

    // Two with the same ends in them: one that another waits on can for a moment seem to have nothing ready, to whoever
    // asks without waiting.
    private readonly FileDescriptor _epoll, _notifier;
    private readonly Closer _closer;
    private readonly ConcurrentDictionary<ulong, QueueCarrier> _open = new();
    private readonly ConcurrentDictionary<(ulong Device, ulong Inode), QueueCarrier> _byInode = new();
    private ulong _next;

    // An eighth of our descriptors is for queues; one program has at most half of those.
    private readonly int _mostOpen = (int)Math.Max(2, SysProcesses.DescriptorLimit / 8);
    private readonly Dictionary<int, int> _openBy = []; // guarded by _serving

    // How many are open: the dictionary would lock itself to say that it is empty.
    private int _count;

    // Held while responses are taken: whoever takes a call up waits until those are done that came before. Taken before
    // any lock of a queue, and not held while one is closed.
    private readonly RankedLock _serving = new(LockRank.OpenQueues);

    /// <exception cref="IOException">The host cannot.</exception>
    public OpenQueues(Closer closer)
    {
        _closer = closer;
        Errno errno = SysEvents.CreateEpoll(out _epoll);
        if (errno == Errno.None) errno = SysEvents.CreateEpoll(out _notifier);
        else _notifier = _epoll;
        if (errno != Errno.None) throw new IOException($"cannot wait for queues: epoll gives {errno}");
    }

    /// <summary>Readable when <see cref="Serve()"/> has something to do.</summary>
    public FileDescriptor Notifier => _notifier;

    /// <summary>Whether no queue is open.</summary>
    public bool IsEmpty => Volatile.Read(ref _count) == 0;

    /// <summary>Opens a queue for a program.</summary>
    /// <param name="queue">The queue; it is closed when no program has the file any more, and at once when the answer
    /// is an error.</param>
    /// <param name="program">The process that gets it.</param>
    /// <param name="place">Places the file in the program, and gives its number there.</param>
    public SysResult Open(QueueFile queue, int program, Func<FileDescriptor, SysResult> place)
    {
        ulong tag = Interlocked.Increment(ref _next);
        Errno errno = TryCount(program);
        if (errno != Errno.None)
        {
            queue.Close();
            return errno;
        }

        errno = QueueCarrier.TryCreate(queue, [_epoll, _notifier], tag, program, out QueueCarrier? carrier,
            out FileDescriptor programs);
        if (errno != Errno.None)
        {
            using (_serving.Enter()) Discount(program);
            queue.Close();
            return errno;
        }

        using (programs)
        {
            _open[tag] = carrier!;
            _byInode[(carrier!.Device, carrier.Inode)] = carrier;
            Interlocked.Increment(ref _count);
            carrier.Connect();
            SysResult placed = place(programs);
            if (placed.IsOk) return placed;
            using (_serving.Enter()) Close(tag, carrier);
            return placed;
        }
    }

    /// <summary>The queue whose file in the program has this device and inode number.</summary>
    public bool TryFind(ulong device, ulong inode, [NotNullWhen(true)] out QueueCarrier? carrier) =>
        _byInode.TryGetValue((device, inode), out carrier);

    /// <summary>
    /// Takes what programs wrote, and gives the queues that no program has open to the closer. When it returns, every
    /// write(2) and close(2) that returned before this was called was seen, whichever thread saw it.
    /// </summary>
    public void Serve()
    {
        if (IsEmpty) return;
        using (_serving.Enter())
        {
            // Who is ready goes to the end of the line; so all have their turn, and programs that go on writing cannot
            // hold us.
            Span<SysEvents.EpollEntry> ready = stackalloc SysEvents.EpollEntry[AtOnce];
            for (int left = _open.Count; left > 0; left -= AtOnce)
            {
                SysResult got = SysEvents.WaitEpoll(_epoll, ready, 0);
                if (!got.IsOk) return;
                foreach (SysEvents.EpollEntry entry in ready[..(int)got.Value]) Serve(entry.Tag, entry.Events);
                if (got.Value < AtOnce) return;
            }
        }
    }

    /// <summary>Closes every queue that is still open.</summary>
    public void Dispose()
    {
        using (_serving.Enter())
            foreach ((ulong tag, QueueCarrier carrier) in _open) Close(tag, carrier);
        _epoll.Dispose();
        _notifier.Dispose();
    }

    private Errno TryCount(int program)
    {
        using (_serving.Enter())
        {
            int openBy = _openBy.GetValueOrDefault(program);
            if (openBy >= _mostOpen / 2) return Errno.EMFILE;
            if (_open.Count >= _mostOpen) return Errno.ENFILE;
            _openBy[program] = openBy + 1;
            return Errno.None;
        }
    }

    private void Discount(int program)
    {
        int left = _openBy[program] - 1;
        if (left == 0) _openBy.Remove(program);
        else _openBy[program] = left;
    }

    private void Serve(ulong tag, uint events)
    {
        if (!_open.TryGetValue(tag, out QueueCarrier? carrier)) return;
        try
        {
            if (carrier.Serve(events)) Close(tag, carrier);
        }
        catch (Exception e)
        {
            ErrorOutput.Say($"serving {carrier.Name}", e);
        }
    }

    private void Close(ulong tag, QueueCarrier carrier)
    {
        if (!_open.TryRemove(tag, out _)) return;
        _byInode.TryRemove((carrier.Device, carrier.Inode), out _);
        Discount(carrier.Opener);
        carrier.Disconnect();
        _closer.Add(carrier);
        Interlocked.Decrement(ref _count); // last: who finds none open does not wait for us
    }
}
