using Ioasis.Core.Endpoints;
using Ioasis.Core.Pasids;
using Ioasis.Core.Units;
using Ioasis.Devices;
using Ioasis.Iommufd.Files;
using Ioasis.Machine.Description;
using Ioasis.Machine.Nodes;
using Ioasis.Machine.Sysfs;
using Ioasis.Passthrough.Sva;
using Ioasis.Passthrough.Vfio;

namespace Ioasis.Machine;

/// <summary>A machine in software: IOMMU units, devices behind them, and the nodes and sysfs through which programs reach them.</summary>
public sealed class SoftwareMachine : IDisposable
{
    private const uint VfioMajor = 511; // the first that Linux gives out dynamically
    private readonly VfioPciBus _bus = new(VfioMajor);
    private readonly Dictionary<string, IommuUnit> _units = [];
    private readonly Dictionary<int, IommuGroup> _groups = [];
    private readonly Dictionary<Memory.RequesterId, IommuGroup> _ownGroups = [];
    private readonly List<MachineDevice> _devices = [];
    private readonly Dictionary<string, VirtualPath> _paths = new(StringComparer.Ordinal);

    private SoftwareMachine()
    {
    }

    /// <summary>The units.</summary>
    public IReadOnlyCollection<IommuUnit> Units => _units.Values;

    /// <summary>The devices, in the order of their VFIO nodes.</summary>
    public IReadOnlyList<MachineDevice> Devices => _devices;

    /// <summary>The PASIDs of the machine: one space for all units and drivers.</summary>
    public PasidSpace Pasids { get; } = new();

    /// <summary>How many PASIDs an open /dev/sva may have that nobody allowed more.</summary>
    public int PasidQuota { get; private init; } = PasidOwner.DefaultQuota;

    /// <summary>Every path that the machine serves.</summary>
    public IReadOnlyDictionary<string, VirtualPath> Paths => _paths;

    /// <summary>How a thread sleeps for some microseconds, less than a millisecond; what looks at mapped BARs does so then.</summary>
    internal Action<int>? ShortNap { set => _bus.Poller.ShortNap = value; }

    /// <summary>Builds a machine and plugs its devices in.</summary>
    /// <param name="description">What it consists of.</param>
    /// <exception cref="MachineDescriptionException">A device cannot be placed.</exception>
    public static SoftwareMachine Create(MachineDescription description)
    {
        ArgumentNullException.ThrowIfNull(description);
        var machine = new SoftwareMachine { PasidQuota = description.PasidQuota };
        try
        {
            foreach (UnitDescription unit in description.Units) machine._units.Add(unit.Name, DriverRegistry.Create(unit));
            foreach (DeviceDescription device in description.Devices.OrderBy(d => d.Group is null)) machine.GroupOf(device);
            foreach (DeviceDescription device in description.Devices) machine.Plug(device, ModelRegistry.Create(device));
            machine.BuildPaths();
            return machine;
        }
        catch (ArgumentException e)
        {
            machine.Dispose();
            throw new MachineDescriptionException($"The machine cannot be built: {e.Message}", e);
        }
    }

    /// <summary>Plugs in a device of the caller's own, behind the first unit.</summary>
    /// <param name="model">The model.</param>
    /// <param name="name">What to call it.</param>
    /// <param name="address">A free address.</param>
    /// <exception cref="ArgumentException">The address is taken, or the model describes no possible function.</exception>
    public MachineDevice Plug(PciDeviceModel model, string name, Memory.RequesterId address)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (_devices.Exists(d => d.Requester == address)) throw new ArgumentException($"{address} is taken.", nameof(address));
        var device = new DeviceDescription(name, address, _units.Keys.First(), null, new Dictionary<string, string>());
        GroupOf(device);
        MachineDevice plugged = Plug(device, model);
        BuildPaths();
        return plugged;
    }

    /// <summary>Unplugs all devices; every file must be closed.</summary>
    public void Dispose()
    {
        foreach (MachineDevice device in _devices) device.Vfio.Dispose();
        _devices.Clear();
        _bus.Dispose();
    }

    private MachineDevice Plug(DeviceDescription device, PciDeviceModel model)
    {
        PciFunction function = device.Restrict(model.Function);
        var endpoint = new Endpoint(device.Address, _units[device.Unit], GroupOf(device))
        {
            Features = new EndpointFeatures
            {
                PasidBits = function.PasidBits,
                PasidExecute = function.PasidExecute,
                PasidPrivileged = function.PasidPrivileged,
                Ats = function.HasAts,
                PageRequests = function.PageRequests,
            },
        };
        var plugged = new MachineDevice(device.Model, _bus.Add(model, endpoint, (uint)_devices.Count, function));
        _devices.Add(plugged);
        return plugged;
    }

    /// <summary>A device's group: the one it names, else the lowest number that none names, kept for its address.</summary>
    private IommuGroup GroupOf(DeviceDescription device)
    {
        if (device.Group is { } named)
        {
            if (!_groups.TryGetValue(named, out IommuGroup? shared)) _groups[named] = shared = new IommuGroup(named);
            return shared;
        }

        if (_ownGroups.TryGetValue(device.Address, out IommuGroup? own)) return own;
        int free = 0;
        while (_groups.ContainsKey(free)) free++;
        return _ownGroups[device.Address] = _groups[free] = new IommuGroup(free);
    }

    private void BuildPaths()
    {
        _paths.Clear();
        var iommu = new IommuNode();
        var sva = new SvaNode(Pasids, PasidQuota);
        var container = new VfioContainerNode();
        IEnumerable<SysfsFunction> functions = _devices.Select(d => new SysfsFunction(
            d.Requester, d.Function, d.BarAddresses, Interrupt: d.Function.HasInterruptPin ? 11 : 0, d.Unit, d.Group,
            (int)d.Vfio.Minor, (d.Vfio.Major, d.Vfio.Minor), d.Vfio.ReadConfiguration));
        foreach (VirtualPath path in SysfsTree.Build(Units, functions, _bus.Groups.Select(g => (g.Id, (g.Major, g.Minor))), [("iommu", iommu), ("sva", sva), ("vfio", container)])) _paths.Add(path.Path, path);
        _paths.Add("/dev/vfio", new VirtualDirectory("/dev/vfio", Merged: true));
        _paths.Add("/dev/vfio/devices", new VirtualDirectory("/dev/vfio/devices", Merged: false));
        foreach (INode node in (INode[])[iommu, sva, container, .. _devices.Select(d => d.Vfio), .. _bus.Groups]) _paths.Add(node.Path, new VirtualDevice(node));
    }
}
