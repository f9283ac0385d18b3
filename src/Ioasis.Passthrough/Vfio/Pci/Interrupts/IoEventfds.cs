using Ioasis.Abi;
using Ioasis.Iommufd;
using Ioasis.Iommufd.Files;
using Ioasis.Memory.Threads;
using Ioasis.Passthrough.Vfio.Interrupts;

namespace Ioasis.Passthrough.Vfio.Pci.Interrupts;

/// <summary>The writes to BARs that eventfds of the program stand for (Linux: vfio_pci_ioeventfd).</summary>
/// <param name="device">Whose they are.</param>
/// <param name="perform">
/// Does a write, if <see cref="Registration.IsSet"/> still says so under the lock that ending the device takes: a call
/// of the listener's may still be under way when it has been disposed.
/// </param>
internal sealed class IoEventfds(object device, Action<IoEventfds.Registration> perform)
{
    private const int Limit = 1000; // as many as Linux allows a device

    // Guards the table. The eventfds' own locks are taken while it is held.
    private readonly RankedLock _lock = new(LockRank.VfioIoEventfds);
    private readonly Dictionary<Write, Registration> _writes = [];

    /// <summary>A write of the low <paramref name="Width"/> bytes of <paramref name="Data"/>.</summary>
    internal readonly record struct Write(int Bar, ulong Position, int Width, ulong Data);

    /// <summary>Sets an eventfd for a write, or takes it away.</summary>
    /// <param name="write">Which write.</param>
    /// <param name="caller">Whose descriptor it is.</param>
    /// <param name="descriptor">The eventfd; -1 to take the write's away.</param>
    internal Errno Set(Write write, ICaller caller, int descriptor)
    {
        using (_lock.Enter())
        {
            if (_writes.TryGetValue(write, out Registration? present))
            {
                if (descriptor >= 0) return Errno.EEXIST.Because("this write has an eventfd already");
                _writes.Remove(write);
                present.End();
                return Errno.None;
            }

            if (descriptor < 0) return Errno.ENODEV.Because("this write has no eventfd");
            if (_writes.Count == Limit)
                return Errno.ENOSPC.Because($"the device has {Limit} of them, the most that it can have");
        }

        EventRequest wanted = EventRequest.LookUp(caller, descriptor); // asks the caller's process: not under the lock
        if (wanted.Error != Errno.None) return wanted.Error;
        var registration = new Registration(write);
        Errno errno = EventListener.Start(device, wanted.Event!, () => perform(registration),
            out EventListener? listener);
        if (errno != Errno.None) return errno;
        registration.Listener = listener;
        errno = Errno.EEXIST.Because("this write has an eventfd already");
        using (_lock.Enter())
        {
            if (_writes.Count == Limit)
                errno = Errno.ENOSPC.Because($"the device has {Limit} of them, the most that it can have");
            else if (_writes.TryAdd(write, registration)) return Errno.None;
        }

        registration.End();
        return errno;
    }

    /// <summary>Takes all away.</summary>
    internal void Clear()
    {
        using (_lock.Enter())
        {
            foreach (Registration registration in _writes.Values) registration.End();
            _writes.Clear();
        }
    }

    /// <summary>A write that an eventfd stands for.</summary>
    internal sealed class Registration(Write write)
    {
        private volatile bool _ended;

        internal Write Write => write;

        /// <summary>Whether the eventfd still stands for it.</summary>
        internal bool IsSet => !_ended;

        /// <summary>Brings the eventfd's signals; set once.</summary>
        internal IDisposable? Listener { private get; set; }

        internal void End()
        {
            _ended = true;
            Listener?.Dispose();
        }
    }
}
