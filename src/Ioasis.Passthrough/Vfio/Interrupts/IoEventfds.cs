using Ioasis.Abi;
using Ioasis.Iommufd.Files;

namespace Ioasis.Passthrough.Vfio.Interrupts;

/// <summary>The writes to BARs that eventfds of the program stand for (Linux: vfio_pci_ioeventfd).</summary>
internal sealed class IoEventfds
{
    private const int Limit = 1000; // as many as Linux allows a device

    // Guards the table. Nothing else is locked while it is held.
    private readonly Lock _lock = new();
    private readonly Dictionary<Write, IDisposable> _writes = [];

    /// <summary>A write of the low <paramref name="Width"/> bytes of <paramref name="Data"/>.</summary>
    internal readonly record struct Write(int Bar, ulong Position, int Width, ulong Data);

    /// <summary>Sets an eventfd for a write, or takes it away.</summary>
    /// <param name="write">Which write.</param>
    /// <param name="caller">Whose descriptor it is.</param>
    /// <param name="descriptor">The eventfd; -1 to take the write's away.</param>
    /// <param name="perform">Does the write.</param>
    internal Errno Set(Write write, ICaller caller, int descriptor, Action<Write> perform)
    {
        lock (_lock)
        {
            if (_writes.TryGetValue(write, out IDisposable? present))
            {
                if (descriptor >= 0) return Errno.EEXIST;
                _writes.Remove(write);
                present.Dispose();
                return Errno.None;
            }

            if (descriptor < 0) return Errno.ENODEV;
            if (_writes.Count == Limit) return Errno.ENOSPC;
        }

        EventRequest wanted = EventRequest.LookUp(caller, descriptor); // asks the caller's process: not under the lock
        if (wanted.Error != Errno.None) return wanted.Error;
        IDisposable listener = EventListener.Start(wanted.Event!, () => perform(write));
        lock (_lock)
        {
            if (_writes.TryAdd(write, listener)) return Errno.None;
        }

        listener.Dispose();
        return Errno.EEXIST;
    }

    /// <summary>Takes all away.</summary>
    internal void Clear()
    {
        lock (_lock)
        {
            foreach (IDisposable listener in _writes.Values) listener.Dispose();
            _writes.Clear();
        }
    }
}
