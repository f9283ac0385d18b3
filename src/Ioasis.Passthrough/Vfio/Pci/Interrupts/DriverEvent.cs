using Ioasis.Abi;
using Ioasis.Iommufd.Files;

namespace Ioasis.Passthrough.Vfio.Pci.Interrupts;

/// <summary>What a driver in the host gives an interrupt in place of an eventfd.</summary>
/// <param name="raised">Called for each interrupt, under locks of the function: it returns at once.</param>
internal sealed class DriverEvent(Action raised) : IEventFile
{
    public void Signal() => raised();

    public Errno Listen(object listener, Action raised, out IDisposable? listening) =>
        throw new NotSupportedException("A driver's event is only signalled.");

    public Errno Watch(object listener, Action raised, out IDisposable? watching) =>
        throw new NotSupportedException("A driver's event is only signalled.");

    public void Dispose()
    {
    }
}
