using System.Security.Cryptography;
using Ioasis.Abi;
using Ioasis.Linux.Events;
using Ioasis.Linux.Files;
using Ioasis.Linux.Processes;
using Ioasis.Memory.Threads;

namespace Ioasis.Host.Devices;

/// <summary>
/// KVM's VFIO devices (KVM_DEV_TYPE_VFIO) that were told of files of ours, and those files. As in Linux a device keeps
/// its files open until it is told otherwise, or is closed itself.
/// </summary>
/// <remarks>
/// We mark a device by a lock on one byte of its open file (F_OFD_SETLK). The kernel keeps such a lock with the open
/// file, through dup, fork and SCM_RIGHTS, and drops it at the last close, so the mark says both which device a
/// descriptor is and whether it is still open, and we need not keep it open ourselves. Locks of other open files show
/// because all anonymous inodes are one.
/// </remarks>
internal sealed class KvmDevices : IDisposable
{
    private const int MarkAttempts = 8;

    private readonly FileDescriptor _anonymous;
    private readonly Closer _closer;

    // A sixteenth of our descriptors are for files that no program has open; one process's devices hold at most half of
    // those.
    private readonly int _mostFiles, _mostFilesOfOne;

    // Guards what follows. Taken after the lock of OpenFiles and before the closer's.
    private readonly RankedLock _lock = new(LockRank.KvmDevices);
    private readonly List<Device> _devices = [];
    private volatile bool _hasDevices;
    private volatile bool _hasAbandoned;

    /// <exception cref="IOException">The host has no eventfd left.</exception>
    public KvmDevices(Closer closer, int? mostFiles = null)
    {
        _closer = closer;
        _mostFiles = mostFiles ?? (int)Math.Min(SysProcesses.DescriptorLimit / 16, int.MaxValue);
        _mostFilesOfOne = Math.Max(1, _mostFiles / 2);
        Errno errno = SysEvents.CreateEventFd(0, 0, out _anonymous);
        if (errno != Errno.None) throw new IOException($"cannot watch KVM's devices: eventfd gives {errno}");
    }

    /// <summary>
    /// Whether a device holds a file that no program has open any more; <see cref="CloseWhatIsGone"/> should be called
    /// again soon.
    /// </summary>
    public bool HasAbandoned => _hasAbandoned;

    /// <summary>How many devices are known, for a test that they are forgotten again.</summary>
    public int Count
    {
        get { using (_lock.Enter()) return _devices.Count; }
    }

    /// <summary>Whether a file is a VFIO device of KVM.</summary>
    public static bool IsOne(FileDescriptor file)
    {
        Span<byte> text = stackalloc byte[64];
        SysResult got = SysFiles.ReadLink($"/proc/self/fd/{file.Number}", text);
        return got.IsOk && text[..(int)got.Value].SequenceEqual("anon_inode:kvm-vfio"u8);
    }

    /// <summary>KVM_DEV_VFIO_FILE_ADD.</summary>
    /// <param name="device">The device's open file, which we share with the program.</param>
    /// <param name="process">ID of the process that calls.</param>
    /// <param name="file">A VFIO file, held by the caller of this.</param>
    public Errno Add(FileDescriptor device, int process, OpenFile file)
    {
        using (_lock.Enter())
        {
            Device? known = Find(device);
            if (known is null)
            {
                LetGo(one => !IsMarked(_anonymous, one.Mark)); // programs open and close as many as they like
                if (!TryMark(device, out ulong mark)) return Errno.ENOMEM;
                _devices.Add(known = new Device(mark, process));
                _hasDevices = true;
            }

            if (known.Process != process) return Errno.EIO;
            if (known.Files.Contains(file)) return Errno.EEXIST;
            if (CountFiles(one => true) >= _mostFiles || CountFiles(one => one.Process == process) >= _mostFilesOfOne)
                return Errno.ENOMEM;
            if (!file.TryHold()) return Errno.EBADF;
            known.Files.Add(file);
            return Errno.None;
        }
    }

    /// <summary>KVM_DEV_VFIO_FILE_DEL.</summary>
    /// <inheritdoc cref="Add"/>
    public Errno Remove(FileDescriptor device, int process, OpenFile file)
    {
        using (_lock.Enter())
        {
            if (Find(device) is not { } known) return Errno.ENOENT;
            if (known.Process != process) return Errno.EIO;
            if (!known.Files.Remove(file)) return Errno.ENOENT;
        }

        file.Release();
        return Errno.None;
    }

    /// <summary>Lets go of the files that devices held which are closed by now, if no program has them open.</summary>
    public void CloseWhatIsGone()
    {
        if (!_hasDevices) return;
        using (_lock.Enter())
        {
            LetGo(one => one.HasAbandoned && !IsMarked(_anonymous, one.Mark));
            _hasAbandoned = _devices.Exists(one => one.HasAbandoned);
            _hasDevices = _devices.Count != 0;
        }
    }

    /// <summary>Lets go of all files.</summary>
    public void Dispose()
    {
        using (_lock.Enter()) LetGo(_ => true);
        _anonymous.Dispose();
    }

    // A device's own lock is in nobody's way when asked by itself, and in everybody else's.
    private Device? Find(FileDescriptor device) =>
        _devices.Find(one => !IsMarked(device, one.Mark) && IsMarked(_anonymous, one.Mark));

    private int CountFiles(Predicate<Device> of)
    {
        int count = 0;
        foreach (Device device in _devices)
            if (of(device)) count += device.Files.Count;
        return count;
    }

    private void LetGo(Predicate<Device> gone)
    {
        for (int i = _devices.Count - 1; i >= 0; i--)
        {
            if (!gone(_devices[i])) continue;
            List<OpenFile> files = _devices[i].Files;
            _devices.RemoveAt(i);
            foreach (OpenFile file in files) _closer.Add(file);
        }
    }

    // All programs of the machine lock bytes of that one inode; a number that nobody guesses is nobody else's.
    private static bool TryMark(FileDescriptor device, out ulong mark)
    {
        Span<byte> random = stackalloc byte[sizeof(ulong)];
        for (int i = 0; i < MarkAttempts; i++)
        {
            RandomNumberGenerator.Fill(random);
            mark = BitConverter.ToUInt64(random) >> 2;
            if (SysFiles.LockByte(device, mark) == Errno.None) return true;
        }

        mark = 0;
        return false;
    }

    private static bool IsMarked(FileDescriptor asking, ulong mark) => SysFiles.IsByteLocked(asking, mark);

    private sealed class Device(ulong mark, int process)
    {
        /// <summary>The byte that is locked.</summary>
        public ulong Mark => mark;

        /// <summary>
        /// The process that the virtual machine is of: no other may call. Taken to be the first that does.
        /// </summary>
        public int Process => process;

        public List<OpenFile> Files { get; } = [];

        public bool HasAbandoned => Files.Exists(file => file.IsAbandoned);
    }
}
