using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Linux.Events;
using Ioasis.Linux.Files;
using Ioasis.Linux.Processes;
using Ioasis.Memory.Threads;

namespace Ioasis.Host.Devices;

/// <summary>
/// The files of ours that programs have open, by the inodes of their carriers. The kernel says when a program's last
/// reference is gone, mappings and descriptors in flight included: of a memfd by inotify, of a queue by a hang-up at
/// our end. The <see cref="Closer"/> then closes the file.
/// </summary>
internal sealed partial class OpenFiles : IDisposable
{
    // A thread that takes a call up asks again about so many files, and only about those that may have been closed this
    // short time ago.
    private const int AskedAtEachCall = 8;
    private static readonly TimeSpan s_recent = TimeSpan.FromMilliseconds(20);

    private static readonly TimeSpan s_lastPatience = TimeSpan.FromSeconds(2);

    // The event loop asks about so many of the others at a time.
    private const int AskedAtEachLook = 64;

    // One table for each file system of the kernel's: memfds, sockets, pipes. Replaced when one is added.
    private InodeTable[] _tables = [];
    private int _count;

    // Guards what follows, and is never held while a file is closed or a program is waited for.
    private readonly RankedLock _lock = new(LockRank.OpenFiles);
    private readonly Dictionary<int, OpenFile> _byWatch = [];
    private readonly Dictionary<ulong, OpenFile> _byTag = [];
    private readonly Queue<(OpenFile Open, long Since)> _recent = [];
    private readonly Queue<OpenFile> _doubtful = [];
    private ulong _lastTag = InotifyTag;
    private int _doubtfulCount;

    // Half of our descriptors are for nodes, an eighth is for queues; one program has at most half of each.
    private readonly OpenShare _nodes = ShareOf(2), _queues = ShareOf(8);

    /// <exception cref="IOException">The host has no inotify instance left, or no epoll.</exception>
    public OpenFiles()
    {
        Errno errno = SysEvents.CreateInotify(out _inotify);
        if (errno != Errno.None) throw new IOException($"cannot watch open files: inotify gives {errno}");
        errno = SysEvents.CreateEpoll(out _epoll);
        if (errno == Errno.None) errno = SysEvents.AddToEpoll(_epoll, _inotify, (uint)SysEvents.POLLIN, InotifyTag);
        if (errno == Errno.None) errno = SysEvents.CreateEpoll(out _notifier);
        else _notifier = _epoll;
        if (errno != Errno.None) throw new IOException($"cannot watch open files: epoll gives {errno}");
        Kvm = new KvmDevices(Closer);
    }

    /// <summary>Whether no file is open.</summary>
    public bool IsEmpty => Volatile.Read(ref _count) == 0;

    /// <summary>Readable when a memfd may have been closed or written to.</summary>
    public FileDescriptor Inotify => _inotify;

    /// <summary>Readable when a program did something to a queue.</summary>
    public FileDescriptor Notifier => _notifier;

    /// <summary>Whether some close has yet to be confirmed; <see cref="LookAgain"/> should be called soon.</summary>
    public bool HasDoubtful => Volatile.Read(ref _doubtfulCount) != 0 || Kvm.HasAbandoned;

    /// <summary>The files that KVM holds.</summary>
    public KvmDevices Kvm { get; }

    /// <summary>Closes the files that no program has open any more.</summary>
    public Closer Closer { get; } = new();

    /// <summary>Takes an open file in. From here on it is closed when its carrier is.</summary>
    /// <returns>
    /// EMFILE, ENFILE: the program that opened it, or all of them, have as many open as we can hold.
    /// </returns>
    public Errno Add(OpenFile open)
    {
        using (_lock.Enter())
        {
            OpenShare share = open.Carrier is QueueCarrier ? _queues : _nodes;
            Errno errno = share.TryTake(open.Opener);
            if (errno != Errno.None) return errno;
            errno = Watch(open);
            if (errno != Errno.None)
            {
                share.Give(open.Opener);
                return errno;
            }

            open.Share = share;
            TableOf(open.Carrier).Files[open.Carrier.Inode] = open;
            Interlocked.Increment(ref _count);
            return Errno.None;
        }
    }

    /// <summary>Opens a queue.</summary>
    /// <param name="queue">
    /// The queue; it is closed when no program has the file any more, and at once when the answer is an error.
    /// </param>
    /// <param name="program">The process that gets it.</param>
    /// <param name="place">Places the file in the program, and gives its number there.</param>
    public SysResult Open(QueueFile queue, int program, Func<FileDescriptor, SysResult> place)
    {
        Errno errno = QueueCarrier.TryCreate(queue, out QueueCarrier? carrier, out FileDescriptor programs);
        if (errno != Errno.None)
        {
            queue.Close();
            return errno;
        }

        using (programs)
        {
            var open = new OpenFile(queue.Name, carrier!, queue, FcntlH.O_RDWR, program);
            errno = Add(open);
            if (errno != Errno.None)
            {
                open.Release();
                return errno;
            }

            carrier!.Connect();
            SysResult placed = place(programs);
            if (!placed.IsOk) Remove(open);
            return placed;
        }
    }

    /// <summary>
    /// A further file of a carrier, for a program; EBADF when the carrier's file is closed. That is closed only when
    /// the last of its files is.
    /// </summary>
    public Errno OpenAgain(NodeFile file, out FileDescriptor? again)
    {
        again = null;
        using (_lock.Enter())
        {
            OpenFile? open = _byWatch.Values.FirstOrDefault(one => one.File == file);
            return open is null ? Errno.EBADF : open.Carrier.Reopen(FcntlH.O_RDWR, out again);
        }
    }

    /// <summary>
    /// The open file that a carrier's device and inode number stand for, held for a call; the caller releases it.
    /// </summary>
    public bool TryHold(ulong device, ulong inode, [NotNullWhen(true)] out OpenFile? open)
    {
        foreach (InodeTable table in Volatile.Read(ref _tables))
            if (table.Device == device) return table.TryHold(inode, out open);
        open = null;
        return false;
    }

    /// <summary>The same by what is said of a descriptor.</summary>
    public bool TryHold(in DescriptorInfo descriptor, [NotNullWhen(true)] out OpenFile? open)
    {
        foreach (InodeTable table in Volatile.Read(ref _tables))
            if (table.Mount == descriptor.Mount) return table.TryHold(descriptor.Inode, out open);
        open = null;
        return false;
    }

    /// <summary>Whether a device and inode number are those of a carrier.</summary>
    public bool IsCarrier(ulong device, ulong inode)
    {
        foreach (InodeTable table in Volatile.Read(ref _tables))
            if (table.Device == device) return table.Files.ContainsKey(inode);
        return false;
    }

    /// <summary>Closes an open file whose carrier no program got.</summary>
    public void Remove(OpenFile open)
    {
        using (_lock.Enter()) Close(open);
    }

    /// <summary>
    /// Takes what programs did to their files. When it returns, every close(2) that returned to its caller before this
    /// was called is known to the <see cref="Closer"/>, and what was written before has taken effect, whichever thread
    /// saw it.
    /// </summary>
    public void Look()
    {
        using (_lock.Enter())
        {
            for (int i = Math.Min(_recent.Count, AskedAtEachCall); i > 0; i--)
            {
                (OpenFile open, long since) = _recent.Dequeue();
                if (IsClosed(open)) continue;
                if (Stopwatch.GetElapsedTime(since) < s_recent) _recent.Enqueue((open, since));
                else Doubt(open);
            }

            TakeEvents();
            Kvm.CloseWhatIsGone();
            NoteDoubtful();
        }

        Settle();
    }

    /// <summary>
    /// Asks again about some of the files whose close is in doubt. For one thread that has nothing better to do.
    /// </summary>
    public void LookAgain()
    {
        Look();
        using (_lock.Enter())
        {
            for (int i = Math.Min(_doubtful.Count, AskedAtEachLook); i > 0; i--)
            {
                OpenFile open = _doubtful.Dequeue();
                if (!IsClosed(open)) _doubtful.Enqueue(open);
            }

            NoteDoubtful();
        }
    }

    /// <summary>Closes every file that is still open.</summary>
    public void Dispose()
    {
        using (_settling.Enter())
        using (_lock.Enter())
        {
            Kvm.Dispose();
            foreach (OpenFile open in _byWatch.Values.Concat(_byTag.Values).ToArray()) Close(open);
            _recent.Clear();
            _doubtful.Clear();
        }

        // All programs are gone; a device that cannot be closed is no reason to stay.
        if (!Closer.TryAwaitAll(s_lastPatience)) ErrorOutput.Say("some devices could not be closed");
        Closer.Dispose();
        _epoll.Dispose();
        _notifier.Dispose();
        _inotify.Dispose();
    }

    private static OpenShare ShareOf(int part)
    {
        int most = (int)Math.Clamp((long)Math.Min(SysProcesses.DescriptorLimit, int.MaxValue) / part, 2, int.MaxValue);
        return new OpenShare(most, most / 2);
    }

    private InodeTable TableOf(FileCarrier carrier)
    {
        foreach (InodeTable table in _tables)
            if (table.Device == carrier.Device) return table;
        var added = new InodeTable(carrier.Device, carrier.Mount);
        Volatile.Write(ref _tables, [.. _tables, added]);
        return added;
    }

    private void NoteDoubtful() => Volatile.Write(ref _doubtfulCount, _recent.Count + _doubtful.Count);

    private void Doubt(OpenFile open)
    {
        open.IsRecent = false;
        if (open.IsDoubtful) return;
        open.IsDoubtful = true;
        _doubtful.Enqueue(open);
    }

    private bool IsClosed(OpenFile open)
    {
        if (open.IsAbandoned) return true;
        if (open.Carrier is not Carrier carrier || !carrier.IsUnused()) return false;
        Close(open);
        return true;
    }

    private void Close(OpenFile open)
    {
        if (open.IsAbandoned || open.Share is null) return;
        open.IsAbandoned = true;
        open.Share.Give(open.Opener);
        TableOf(open.Carrier).Files.TryRemove(open.Carrier.Inode, out _);
        Unwatch(open);
        Interlocked.Decrement(ref _count);
        Closer.Add(open);
    }

    /// <summary>The files on one file system of the kernel's.</summary>
    private sealed class InodeTable(ulong device, int mount)
    {
        public ulong Device => device;

        public int Mount => mount;

        public ConcurrentDictionary<ulong, OpenFile> Files { get; } = new();

        public bool TryHold(ulong inode, [NotNullWhen(true)] out OpenFile? open)
        {
            if (Files.TryGetValue(inode, out open) && open.TryHold()) return true;
            open = null;
            return false;
        }
    }
}
