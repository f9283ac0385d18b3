using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Linux.Events;
using Ioasis.Linux.Files;

namespace Ioasis.Host.Callers;

/// <summary>An eventfd of a caller. We share its open file description, so its flags are the caller's and stay as they are.</summary>
internal sealed class EventFile(FileDescriptor file) : IEventFile
{
    // Guards the counter against two of our own writes, of which the second could find it full.
    private readonly Lock _lock = new();

    /// <inheritdoc/>
    public void Signal()
    {
        lock (_lock)
        {
            // A write to a full counter would block, where the kernel leaves the counter as it is.
            if (SysEvents.Poll(file, SysEvents.POLLOUT, 0, out short ready) != Errno.None || (ready & SysEvents.POLLOUT) == 0) return;
            SysEvents.WriteEventFd(file, 1);
        }
    }

    /// <inheritdoc/>
    public IDisposable Listen(Action raised) => EventListener.Shared.Listen(file, raised);

    public void Dispose() => file.Dispose();
}
