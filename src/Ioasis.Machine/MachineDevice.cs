using Ioasis.Core.Endpoints;
using Ioasis.Devices;
using Ioasis.Machine.Drivers;
using Ioasis.Machine.Nodes;
using Ioasis.Memory;
using Ioasis.Passthrough.Vfio;
using Ioasis.Passthrough.Vfio.Pci;

namespace Ioasis.Machine;

/// <summary>A device of a machine.</summary>
public sealed class MachineDevice
{
    internal MachineDevice(string model, VfioPciDevice pci)
    {
        (Model, Pci) = (model, pci);
        // A function of a slot of its own can be reset with it; a virtual one is in no slot.
        PciFunction function = pci.Function;
        Settings = new FunctionSettings([.. function.IsExpress ? ["flr", "pm"] : (string[])[],
                .. function.IsVirtual ? [] : (string[])["bus"]], pci.ResetSoon);
        Configuration = new ConfigurationBytes(pci);
    }

    /// <summary>Name of its model.</summary>
    public string Model { get; }

    /// <summary>Where it sits.</summary>
    public RequesterId Requester => Pci.Requester;

    /// <summary>What it is.</summary>
    public PciFunction Function => Pci.Function;

    /// <summary>Where each of its six BARs is, as a bus address; 0 for none.</summary>
    public IReadOnlyList<ulong> BarAddresses => Pci.BarAddresses;

    /// <summary>Name of the unit that translates for it.</summary>
    public string Unit => Pci.Endpoint.Unit.Name;

    /// <summary>Number of its IOMMU group.</summary>
    public int Group => Pci.Endpoint.Group.Id;

    /// <summary>Its node, <c>/dev/vfio/devices/vfio0</c>.</summary>
    public string VfioNode => Vfio.Path;

    /// <summary>Its place behind an IOMMU: its attachments, and what its engines found.</summary>
    public Endpoint Endpoint => Pci.Endpoint;

    /// <summary>Its engines that have had a command, and whether each is busy at this moment.</summary>
    public IReadOnlyList<(string Name, bool IsBusy)> Engines => Pci.Slot.Engines.Snapshot;

    /// <summary>What programs drive: its files, its binding, its group.</summary>
    internal VfioDevice Vfio => Pci.Device;

    /// <summary>Its VFIO device as a PCI function.</summary>
    internal VfioPciDevice Pci { get; }

    /// <summary>Its own configuration space, as sysfs's <c>config</c> has it.</summary>
    internal IVirtualBytes Configuration { get; }

    /// <summary>What programs set of it through sysfs.</summary>
    internal FunctionSettings Settings { get; }

    /// <summary>Its virtual functions; null if it can have none.</summary>
    internal PciSriov? Sriov { get; set; }

    /// <summary>Of a virtual function, where the physical one sits, and which of its virtual ones this is.</summary>
    internal (RequesterId Physical, int Number)? Virtual { get; init; }

    /// <summary>Whether it is to be seen by no path: a virtual function that leaves.</summary>
    internal bool IsHidden { get; set; }

    /// <summary>Whether a program removed it from the bus; it can be found again.</summary>
    internal bool IsRemoved { get; set; }

    /// <summary>Whether vfio-pci has it.</summary>
    internal DriverState Driver { get; set; }

    /// <summary>The driver in the host that has it; null for none.</summary>
    internal HostDriver? Host { get; set; }

    /// <summary>What the driver in the host has of it; guarded by the lock of the bus's drivers.</summary>
    internal HostFunction? HostFunction { get; set; }

    /// <summary>
    /// What is to be done when the driver in the host has given it back; guarded by the lock of the bus's drivers.
    /// </summary>
    internal Action? GivenBack { get; set; }

    /// <summary>The name of the driver that has it; null for none.</summary>
    public string? DriverName => Driver == DriverState.Bound ? PciDriver.Name : Host?.Name;

    /// <summary>
    /// Whether vfio-pci is to have it when it has left its driver; guarded by the lock of the bus's drivers.
    /// </summary>
    internal bool IsWanted { get; set; }

    private sealed class ConfigurationBytes(VfioPciDevice pci) : IVirtualBytes
    {
        public byte[] Read() => pci.ReadConfiguration();

        public void Write(int position, byte[] bytes, Action done) =>
            pci.WriteConfigurationSoon(position, bytes, done);
    }
}
