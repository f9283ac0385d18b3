using Ioasis.Iommufd.Files;

namespace Ioasis.Passthrough.Vfio.Interrupts;

/// <summary>An eventfd of the program that makes us do something (Linux: struct virqfd). Owns the eventfd.</summary>
internal sealed class EventListener : IDisposable
{
    private readonly IEventFile _file;
    private readonly IDisposable _listening;

    /// <summary>Does <paramref name="raised"/> whenever the eventfd is signalled, on a thread that holds no lock.</summary>
    internal EventListener(IEventFile file, Action raised)
    {
        _file = file;
        _listening = file.Listen(raised);
    }

    public void Dispose()
    {
        _listening.Dispose();
        _file.Dispose();
    }
}
