using Ioasis.Abi;
using Ioasis.Iommufd.Files;

namespace Ioasis.Passthrough.Vfio.Interrupts;

/// <summary>An eventfd of the program that makes us do something (Linux: struct virqfd). Owns the eventfd.</summary>
internal sealed class EventListener : IDisposable
{
    private readonly IEventFile _file;
    private readonly IDisposable _listening;

    private EventListener(IEventFile file, IDisposable listening)
    {
        _file = file;
        _listening = listening;
    }

    /// <summary>
    /// Does <paramref name="raised"/> whenever the eventfd is signalled, until the answer is disposed.
    /// </summary>
    /// <returns>ENOMEM when the host cannot; the eventfd is then let go.</returns>
    internal static Errno Start(object device, IEventFile file, Action raised, out EventListener? listener)
    {
        Errno errno = file.Listen(device, raised, out IDisposable? listening);
        listener = errno == Errno.None ? new EventListener(file, listening!) : null;
        if (errno != Errno.None) file.Dispose();
        return errno;
    }

    /// <summary>Whether a program still has the eventfd. Slow.</summary>
    internal bool IsOpenElsewhere => _file.IsOpenElsewhere;

    public void Dispose()
    {
        _listening.Dispose();
        _file.Dispose();
    }
}
