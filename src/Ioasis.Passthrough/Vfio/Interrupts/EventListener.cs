using Ioasis.Iommufd.Files;

namespace Ioasis.Passthrough.Vfio.Interrupts;

/// <summary>An eventfd of the program that makes us do something (Linux: struct virqfd). Owns the eventfd.</summary>
internal sealed class EventListener : IDisposable
{
    private readonly IEventFile _file;
    private readonly IDisposable _listening;

    private EventListener(IEventFile file, Action raised)
    {
        _file = file;
        _listening = file.Listen(raised);
    }

    /// <summary>Does <paramref name="raised"/> whenever the eventfd is signalled, until the answer is disposed.</summary>
    internal static IDisposable Start(IEventFile file, Action raised) => new EventListener(file, raised);

    public void Dispose()
    {
        _listening.Dispose();
        _file.Dispose();
    }
}
