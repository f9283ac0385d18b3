using Ioasis.Core.Endpoints;
using Ioasis.Devices;
using Ioasis.Machine.Nodes;
using Ioasis.Memory;
using Ioasis.Passthrough.Vfio;

namespace Ioasis.Machine;

/// <summary>A device of a machine.</summary>
public sealed class MachineDevice
{
    private readonly VfioPciDevice _vfio;

    internal MachineDevice(string model, VfioPciDevice vfio)
    {
        (Model, _vfio) = (model, vfio);
        // A function of a slot of its own can be reset with it; a virtual one is in no slot.
        PciFunction function = vfio.Function;
        Settings = new FunctionSettings([.. function.IsExpress ? ["flr", "pm"] : (string[])[],
                .. function.IsVirtual ? [] : (string[])["bus"]], vfio.ResetSoon);
        Configuration = new ConfigurationBytes(vfio);
    }

    /// <summary>Name of its model.</summary>
    public string Model { get; }

    /// <summary>Where it sits.</summary>
    public RequesterId Requester => _vfio.Requester;

    /// <summary>What it is.</summary>
    public PciFunction Function => _vfio.Function;

    /// <summary>Where each of its six BARs is, as a bus address; 0 for none.</summary>
    public IReadOnlyList<ulong> BarAddresses => _vfio.BarAddresses;

    /// <summary>Name of the unit that translates for it.</summary>
    public string Unit => _vfio.Endpoint.Unit.Name;

    /// <summary>Number of its IOMMU group.</summary>
    public int Group => _vfio.Endpoint.Group.Id;

    /// <summary>Its node, <c>/dev/vfio/devices/vfio0</c>.</summary>
    public string VfioNode => _vfio.Path;

    internal Endpoint Endpoint => _vfio.Endpoint;

    internal VfioPciDevice Vfio => _vfio;

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

    /// <summary>Whether the driver has it.</summary>
    internal DriverState Driver { get; set; }

    /// <summary>Whether the driver is to have it again when it has left; guarded by the driver's lock.</summary>
    internal bool IsWanted { get; set; }

    private sealed class ConfigurationBytes(VfioPciDevice vfio) : IVirtualBytes
    {
        public byte[] Read() => vfio.ReadConfiguration();

        public void Write(int position, byte[] bytes, Action done) =>
            vfio.WriteConfigurationSoon(position, bytes, done);
    }
}
