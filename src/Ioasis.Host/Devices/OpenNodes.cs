using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Ioasis.Abi;
using Ioasis.Linux.Events;
using Ioasis.Linux.Files;

namespace Ioasis.Host.Devices;

/// <summary>
/// The open files of our nodes by the inode of their carriers, and how they are closed: inotify says when an open file description
/// of a carrier is gone, mappings and descriptors in flight included.
/// </summary>
internal sealed class OpenNodes : IDisposable
{
    private const int EventSize = 16;

    private readonly FileDescriptor _inotify;

    // Holds the inotify alone: to find nothing there takes half of what a read that finds nothing takes.
    private readonly FileDescriptor _epoll;
    private readonly ConcurrentDictionary<ulong, OpenNode> _byInode = new();

    // Guards what follows, and is held while files are closed: whoever takes a call up waits until the closes that came before are done.
    // Taken before any lock of a node's file.
    private readonly Lock _closing = new();
    private readonly Dictionary<int, OpenNode> _byWatch = [];
    private readonly List<OpenNode> _doubtful = [];
    private readonly byte[] _events = new byte[256 * EventSize];

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
    }

    /// <summary>Whether no file is open.</summary>
    public bool IsEmpty => _byInode.IsEmpty;

    /// <summary>Readable when a file may have been closed.</summary>
    public FileDescriptor Inotify => _inotify;

    /// <summary>Whether some close has yet to be confirmed; <see cref="CloseWhatIsGone"/> should be called again soon.</summary>
    public bool HasDoubtful => Volatile.Read(ref _doubtfulCount) != 0 || Kvm.HasAbandoned;

    /// <summary>The files that KVM holds.</summary>
    public KvmDevices Kvm { get; } = new();

    /// <summary>Takes an open file in. From here on it is closed when its carrier is.</summary>
    public Errno Add(OpenNode open)
    {
        lock (_closing)
        {
            SysResult watch = SysEvents.AddWatch(_inotify, open.Carrier.OwnPath, SysEvents.IN_CLOSE_WRITE | SysEvents.IN_CLOSE_NOWRITE);
            if (!watch.IsOk) return watch.Errno;
            open.Watch = (int)watch.Value;
            _byWatch.Add(open.Watch, open);
            _device = open.Carrier.Device;
            _mount = open.Carrier.Mount;
            _byInode[open.Carrier.Inode] = open;
            return Errno.None;
        }
    }

    /// <summary>
    /// Gives a program its file of a carrier. It may close it before we have closed ours, and open what cannot be opened twice: that call waits for us.
    /// </summary>
    public SysResult Place(FileDescriptor file, Func<FileDescriptor, SysResult> place)
    {
        lock (_closing)
        {
            SysResult placed = place(file);
            file.Dispose();
            return placed;
        }
    }

    /// <summary>The open file that a carrier's device and inode number stand for, held for a call; the caller releases it.</summary>
    public bool TryHold(ulong device, ulong inode, [NotNullWhen(true)] out OpenNode? open)
    {
        if (device == Volatile.Read(ref _device) && _byInode.TryGetValue(inode, out open) && open.TryHold()) return true;
        open = null;
        return false;
    }

    /// <summary>The same by what is said of a descriptor.</summary>
    public bool TryHold(in DescriptorInfo descriptor, [NotNullWhen(true)] out OpenNode? open)
    {
        if (descriptor.Mount == Volatile.Read(ref _mount) && _byInode.TryGetValue(descriptor.Inode, out open) && open.TryHold()) return true;
        open = null;
        return false;
    }

    /// <summary>Whether a device and inode number are those of a carrier.</summary>
    public bool IsCarrier(ulong device, ulong inode) => device == Volatile.Read(ref _device) && _byInode.ContainsKey(inode);

    /// <summary>Closes an open file whose carrier no program got.</summary>
    public void Remove(OpenNode open)
    {
        lock (_closing) Close(open);
    }

    /// <summary>
    /// Closes the files whose carriers are gone by now. When it returns, every close(2) that returned to its caller before this
    /// was called has taken effect, whichever thread saw it.
    /// </summary>
    public void CloseWhatIsGone()
    {
        lock (_closing)
        {
            for (int i = _doubtful.Count - 1; i >= 0; i--)
            {
                if (!_doubtful[i].Carrier.IsUnused()) continue;
                OpenNode open = _doubtful[i];
                _doubtful.RemoveAt(i);
                Close(open);
            }

            // A close(2) puts the inotify on the epoll's list before it returns. Only here is that list looked at, under the lock: who looked at the same time
            // could find it empty.
            while (SysEvents.IsAnyReady(_epoll))
            {
                SysResult got = SysFiles.Read(_inotify, _events);
                if (!got.IsOk || got.Value == 0) break;
                Take(_events.AsSpan(0, (int)got.Value));
            }

            Volatile.Write(ref _doubtfulCount, _doubtful.Count);
            Kvm.CloseWhatIsGone();
        }
    }

    /// <summary>Closes every file that is still open.</summary>
    public void Dispose()
    {
        lock (_closing)
        {
            foreach (OpenNode open in _byWatch.Values.ToArray()) Close(open);
            _doubtful.Clear();
        }

        Kvm.Dispose();

        _epoll.Dispose();
        _inotify.Dispose();
    }

    // struct inotify_event: wd, mask, cookie, len, and a name, which events of a watched file do not have.
    private void Take(ReadOnlySpan<byte> events)
    {
        for (; events.Length >= EventSize; events = events[(EventSize + BinaryPrimitives.ReadInt32LittleEndian(events[12..]))..])
        {
            uint mask = BinaryPrimitives.ReadUInt32LittleEndian(events[4..]);
            if ((mask & SysEvents.IN_Q_OVERFLOW) != 0)
                foreach (OpenNode open in _byWatch.Values.ToArray()) Judge(open);
            else if ((mask & SysEvents.IN_IGNORED) == 0 && _byWatch.TryGetValue(BinaryPrimitives.ReadInt32LittleEndian(events), out OpenNode? open))
                Judge(open);
        }
    }

    // The event comes a moment before the kernel lets the file go, and a file opened again through /proc has an event of its own.
    private void Judge(OpenNode open)
    {
        if (open.Carrier.IsUnused()) Close(open);
        else if (!_doubtful.Contains(open)) _doubtful.Add(open);
    }

    private void Close(OpenNode open)
    {
        if (!_byWatch.Remove(open.Watch)) return;
        _byInode.TryRemove(open.Carrier.Inode, out _);
        SysEvents.RemoveWatch(_inotify, open.Watch);
        open.Abandon();
    }
}
