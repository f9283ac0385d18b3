using Ioasis.Core;
using Ioasis.Core.DmaApi;
using Ioasis.Core.Pasids;
using Ioasis.Memory;

namespace Ioasis.Machine.Drivers;

/// <summary>
/// A driver in the host, as the PCI bus knows it (Linux: struct pci_driver): it has a folder in sysfs, and functions.
/// </summary>
public sealed class HostDriver : IDisposable
{
    private readonly SoftwareMachine _machine;

    internal HostDriver(SoftwareMachine machine, string name, Action<RequesterId>? bind, bool isLasting)
    {
        _machine = machine;
        Name = name;
        BindRequested = bind;
        IsLasting = isLasting;
        Processes = new ProcessBindings(machine.Pasids, new PasidOwner { Quota = int.MaxValue }, this);
    }

    /// <summary>Its name: that of its folder below <c>/sys/bus/pci/drivers</c>.</summary>
    public string Name { get; }

    /// <summary>Whether it stays when it has no function.</summary>
    internal bool IsLasting { get; }

    /// <summary>Called on a thread of the pool when a program wants it to take a function.</summary>
    internal Action<RequesterId>? BindRequested { get; }

    /// <summary>The processes whose pointers its functions use.</summary>
    internal ProcessBindings Processes { get; }

    /// <inheritdoc cref="SoftwareMachine.OpenHostDriver"/>
    public IommuStatus Open(RequesterId address, DmaDeviceOptions? options, out HostFunction? function) =>
        _machine.Open(this, address, options, out function);

    /// <summary>Removes the driver from the bus. Its functions must be disposed.</summary>
    public void Dispose() => _machine.Remove(this);
}
