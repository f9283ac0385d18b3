using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Memory.Threads;

namespace Ioasis.Passthrough.Vdpa;

/// <summary>
/// The eventfds of a vDPA device's driver: kicks and calls of its queues, and the one of its configuration. It owns
/// them.
/// </summary>
internal sealed class VdpaEvents(int queues)
{
    // Guards the fields below. The device's threads take it; only the eventfds' own locks are taken within.
    private readonly RankedLock _lock = new(LockRank.VdpaEvents);
    private readonly Kick?[] _kicks = new Kick?[queues];
    private readonly IEventFile?[] _calls = new IEventFile?[queues];
    private readonly IEventFile?[] _errors = new IEventFile?[queues];
    private IEventFile? _config;

    /// <summary>Interrupts the driver for a queue.</summary>
    internal void SignalQueue(int queue)
    {
        using (_lock.Enter()) _calls[queue]?.Signal();
    }

    /// <summary>Interrupts the driver for the configuration.</summary>
    internal void SignalConfig()
    {
        using (_lock.Enter()) _config?.Signal();
    }

    /// <summary>
    /// Lets an eventfd notify the device, or none. Whoever listens finds the counter as it is, also one that was raised
    /// before.
    /// </summary>
    /// <param name="device">The device, whose eventfds one thread listens to.</param>
    /// <param name="queue">The queue.</param>
    /// <param name="file">The eventfd, taken over; null for none.</param>
    /// <param name="kick">Notifies the device.</param>
    /// <returns>ENOMEM if the host cannot listen. The former eventfd stays.</returns>
    internal Errno SetKick(object device, int queue, IEventFile? file, Action kick)
    {
        Kick? made = null, former;
        if (file is not null)
        {
            made = new Kick(file, kick);
            Errno errno = made.Start(device); // may notify at once, so not under the lock
            if (errno != Errno.None) return errno;
        }

        using (_lock.Enter())
        {
            former = _kicks[queue];
            _kicks[queue] = made;
        }

        former?.Dispose();
        return Errno.None;
    }

    /// <summary>Lets a queue interrupt by an eventfd, which is taken over, or not at all.</summary>
    internal void SetCall(int queue, IEventFile? file) => Replace(ref _calls[queue], file);

    /// <summary>Keeps an eventfd for errors of a queue. As on Linux, nothing signals it.</summary>
    internal void SetError(int queue, IEventFile? file) => Replace(ref _errors[queue], file);

    /// <summary>
    /// Lets changes of the configuration interrupt by an eventfd, which is taken over, or not at all.
    /// </summary>
    internal void SetConfig(IEventFile? file) => Replace(ref _config, file);

    /// <summary>No eventfd notifies the device any more.</summary>
    internal void ClearKicks()
    {
        using (_lock.Enter())
        {
            foreach (Kick? kick in _kicks) kick?.Dispose();
            Array.Clear(_kicks);
        }
    }

    /// <summary>Lets all eventfds go.</summary>
    internal void Clear()
    {
        ClearKicks();
        SetConfig(null);
        for (int queue = 0; queue < queues; queue++)
        {
            SetCall(queue, null);
            SetError(queue, null);
        }
    }

    private void Replace(ref IEventFile? place, IEventFile? file)
    {
        using (_lock.Enter())
        {
            place?.Dispose();
            place = file;
        }
    }

    /// <summary>An eventfd that notifies the device while it is kept.</summary>
    private sealed class Kick(IEventFile file, Action kick) : IDisposable
    {
        private IDisposable? _watching;
        private volatile bool _isOver;

        internal Errno Start(object device)
        {
            Errno errno = file.Watch(device, Raised, out _watching);
            if (errno != Errno.None) file.Dispose();
            return errno;
        }

        public void Dispose()
        {
            _isOver = true;
            _watching?.Dispose();
            file.Dispose();
        }

        private void Raised()
        {
            if (!_isOver) kick();
        }
    }
}
