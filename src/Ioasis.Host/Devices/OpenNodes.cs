using System.Buffers.Binary;
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
/// The open files of our nodes by the inode of their carriers. Inotify says when an open file description of a carrier
/// is gone, mappings and descriptors in flight included; the <see cref="Closer"/> then closes the file.
/// </summary>
internal sealed class OpenNodes : IDisposable
{
    private const int EventSize = 16;

    // Who takes a call up asks again about so many files, and only about those that may have been closed this short
    // time ago.
    private const int AskedAtEachCall = 8;
    private static readonly TimeSpan s_recent = TimeSpan.FromMilliseconds(20);

    private static readonly TimeSpan s_lastPatience = TimeSpan.FromSeconds(2);

    // The event loop asks about so many of the others at a time.
    private const int AskedAtEachLook = 64;

    private readonly FileDescriptor _inotify;

    // Holds the inotify alone: to find nothing there takes half of what a read that finds nothing takes.
    private readonly FileDescriptor _epoll;
    private readonly ConcurrentDictionary<ulong, OpenNode> _byInode = new();

    // Guards what follows, and is never held while a file is closed or a program is waited for.
    private readonly RankedLock _lock = new(LockRank.OpenNodes);
    private readonly Dictionary<int, OpenNode> _byWatch = [];
    private readonly Dictionary<int, int> _openBy = [];
    private readonly Queue<(OpenNode Open, long Since)> _recent = [];
    private readonly Queue<OpenNode> _doubtful = [];
    private readonly byte[] _events = new byte[256 * EventSize];

    // Half of our descriptors are for open files; one program has at most half of those.
    private readonly int _mostOpen, _mostOfOne;

    private ulong _device;
    private int _mount;
    private int _doubtfulCount;

    /// <exception cref="IOException">The host has no inotify instance left.</exception>
    public OpenNodes()
    {
        Errno errno = SysEvents.CreateInotify(out _inotify);
        if (errno != Errno.None) throw new IOException($"cannot watch open files: inotify gives {errno}");
        errno = SysEvents.CreateEpoll(out _epoll);
        if (errno == Errno.None) errno = SysEvents.AddToEpoll(_epoll, _inotify, (uint)SysEvents.POLLIN, 0);
        if (errno != Errno.None) throw new IOException($"cannot watch open files: epoll gives {errno}");
        _mostOpen = (int)Math.Min(SysProcesses.DescriptorLimit / 2, int.MaxValue);
        _mostOfOne = Math.Max(1, _mostOpen / 2);
        Kvm = new KvmDevices(Closer);
    }

    /// <summary>Whether no file is open.</summary>
    public bool IsEmpty => _byInode.IsEmpty;

    /// <summary>Readable when a file may have been closed.</summary>
    public FileDescriptor Inotify => _inotify;

    /// <summary>Whether some close has yet to be confirmed; <see cref="LookAgain"/> should be called soon.</summary>
    public bool HasDoubtful => Volatile.Read(ref _doubtfulCount) != 0 || Kvm.HasAbandoned;

    /// <summary>The files that KVM holds.</summary>
    public KvmDevices Kvm { get; }

    /// <summary>Closes the files that no program has open any more.</summary>
    public Closer Closer { get; } = new();

    /// <summary>Takes an open file in. From here on it is closed when its carrier is.</summary>
    /// <returns>EMFILE, ENFILE: the program that opened it, or all of them, have as many open as we can hold.</returns>
    public Errno Add(OpenNode open)
    {
        using (_lock.Enter())
        {
            int openBy = _openBy.GetValueOrDefault(open.Opener);
            if (openBy >= _mostOfOne) return Errno.EMFILE;
            if (_byWatch.Count >= _mostOpen) return Errno.ENFILE;
            const uint Closed = SysEvents.IN_CLOSE_WRITE | SysEvents.IN_CLOSE_NOWRITE;
            SysResult watch = SysEvents.AddWatch(
                _inotify, open.Carrier.OwnPath, open.File is IWrittenFile ? Closed | SysEvents.IN_MODIFY : Closed);
            if (!watch.IsOk) return watch.Errno;
            open.Watch = (int)watch.Value;
            _byWatch.Add(open.Watch, open);
            _openBy[open.Opener] = openBy + 1;
            _device = open.Carrier.Device;
            _mount = open.Carrier.Mount;
            _byInode[open.Carrier.Inode] = open;
            return Errno.None;
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
            OpenNode? open = _byWatch.Values.FirstOrDefault(one => one.File == file);
            return open is null ? Errno.EBADF : open.Carrier.Reopen(FcntlH.O_RDWR, out again);
        }
    }

    /// <summary>
    /// The open file that a carrier's device and inode number stand for, held for a call; the caller releases it.
    /// </summary>
    public bool TryHold(ulong device, ulong inode, [NotNullWhen(true)] out OpenNode? open)
    {
        if (device == Volatile.Read(ref _device) && _byInode.TryGetValue(inode, out open) && open.TryHold())
            return true;
        open = null;
        return false;
    }

    /// <summary>The same by what is said of a descriptor.</summary>
    public bool TryHold(in DescriptorInfo descriptor, [NotNullWhen(true)] out OpenNode? open)
    {
        if (descriptor.Mount == Volatile.Read(ref _mount) && _byInode.TryGetValue(descriptor.Inode, out open)
            && open.TryHold()) return true;
        open = null;
        return false;
    }

    /// <summary>Whether a device and inode number are those of a carrier.</summary>
    public bool IsCarrier(ulong device, ulong inode) =>
        device == Volatile.Read(ref _device) && _byInode.ContainsKey(inode);

    /// <summary>Closes an open file whose carrier no program got.</summary>
    public void Remove(OpenNode open)
    {
        using (_lock.Enter()) Close(open);
    }

    /// <summary>
    /// Notes which files no program has open any more. When it returns, every close(2) that returned to its caller
    /// before this was called is known to the <see cref="Closer"/>, whichever thread saw it.
    /// </summary>
    public void CloseWhatIsGone()
    {
        using (_lock.Enter())
        {
            for (int i = Math.Min(_recent.Count, AskedAtEachCall); i > 0; i--)
            {
                (OpenNode open, long since) = _recent.Dequeue();
                if (IsClosed(open)) continue;
                if (Stopwatch.GetElapsedTime(since) < s_recent) _recent.Enqueue((open, since));
                else Doubt(open);
            }

            // A close(2) puts the inotify on the epoll's list before it returns. Only here is that list looked at,
            // under the lock: who looked at the same time could find it empty.
            while (SysEvents.IsAnyReady(_epoll))
            {
                SysResult got = SysFiles.Read(_inotify, _events);
                if (!got.IsOk || got.Value == 0) break;
                Take(_events.AsSpan(0, (int)got.Value));
            }

            Kvm.CloseWhatIsGone();
            NoteDoubtful();
        }
    }

    /// <summary>
    /// Asks again about some of the files whose close is in doubt. For one thread that has nothing better to do.
    /// </summary>
    public void LookAgain()
    {
        CloseWhatIsGone();
        using (_lock.Enter())
        {
            for (int i = Math.Min(_doubtful.Count, AskedAtEachLook); i > 0; i--)
            {
                OpenNode open = _doubtful.Dequeue();
                if (!IsClosed(open)) _doubtful.Enqueue(open);
            }

            NoteDoubtful();
        }
    }

    /// <summary>Closes every file that is still open.</summary>
    public void Dispose()
    {
        using (_lock.Enter())
        {
            Kvm.Dispose();
            foreach (OpenNode open in _byWatch.Values.ToArray()) Close(open);
            _recent.Clear();
            _doubtful.Clear();
        }

        // All programs are gone; a device that cannot be closed is no reason to stay.
        if (!Closer.TryAwaitAll(s_lastPatience)) ErrorOutput.Say("some devices could not be closed");
        Closer.Dispose();
        _epoll.Dispose();
        _inotify.Dispose();
    }

    private void NoteDoubtful() => Volatile.Write(ref _doubtfulCount, _recent.Count + _doubtful.Count);

    // struct inotify_event: wd, mask, cookie, len, and a name, which events of a watched file do not have.
    private void Take(ReadOnlySpan<byte> events)
    {
        for (; events.Length >= EventSize;
            events = events[(EventSize + BinaryPrimitives.ReadInt32LittleEndian(events[12..]))..])
        {
            uint mask = BinaryPrimitives.ReadUInt32LittleEndian(events[4..]);
            if ((mask & SysEvents.IN_Q_OVERFLOW) != 0)
                foreach (OpenNode open in _byWatch.Values.ToArray()) Judge(open, mask);
            else if ((mask & SysEvents.IN_IGNORED) == 0
                && _byWatch.TryGetValue(BinaryPrimitives.ReadInt32LittleEndian(events), out OpenNode? open))
                Judge(open, mask);
        }
    }

    // The event comes a moment before the kernel lets the file go, and a file opened again through /proc has an event
    // of its own.
    private void Judge(OpenNode open, uint mask)
    {
        if ((mask & (SysEvents.IN_MODIFY | SysEvents.IN_Q_OVERFLOW)) != 0 && open.File is IWrittenFile written)
            Take(open, written);
        if (mask == SysEvents.IN_MODIFY) return;
        if (IsClosed(open) || open.IsRecent) return;
        open.IsRecent = true;
        _recent.Enqueue((open, Stopwatch.GetTimestamp()));
    }

    private void Doubt(OpenNode open)
    {
        open.IsRecent = false;
        if (open.IsDoubtful) return;
        open.IsDoubtful = true;
        _doubtful.Enqueue(open);
    }

    private bool IsClosed(OpenNode open)
    {
        if (!_byWatch.ContainsKey(open.Watch)) return true;
        if (!open.Carrier.IsUnused()) return false;
        Close(open);
        return true;
    }

    private static void Take(OpenNode open, IWrittenFile written)
    {
        try
        {
            written.Written();
        }
        catch (Exception e)
        {
            ErrorOutput.Say($"taking what was written to {open.Node.Path}", e);
        }
    }

    private void Close(OpenNode open)
    {
        if (!_byWatch.Remove(open.Watch)) return;
        int left = _openBy[open.Opener] - 1;
        if (left == 0) _openBy.Remove(open.Opener);
        else _openBy[open.Opener] = left;
        _byInode.TryRemove(open.Carrier.Inode, out _);
        SysEvents.RemoveWatch(_inotify, open.Watch);
        open.IsAbandoned = true;
        Closer.Add(open);
    }
}
