using System.Runtime.ExceptionServices;
using Ioasis.Core.DmaApi;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Injection;
using Ioasis.Core.Observation;
using Ioasis.Core.Pasids;
using Ioasis.Core.Units;
using Ioasis.Devices;
using Ioasis.Devices.Blocks;
using Ioasis.Iommufd.Files;
using Ioasis.Machine.Description;
using Ioasis.Machine.Drivers;
using Ioasis.Machine.Nodes;
using Ioasis.Machine.Sysfs;
using Ioasis.Memory;
using Ioasis.Memory.Threads;
using Ioasis.Passthrough.Mdev;
using Ioasis.Passthrough.Sva;
using Ioasis.Passthrough.Vfio;
using Ioasis.Passthrough.Vfio.Pci;
using Microsoft.Win32.SafeHandles;

namespace Ioasis.Machine;

/// <summary>
/// A machine in software: IOMMU units, devices behind them, and the nodes and sysfs through which programs reach them.
/// </summary>
public sealed partial class SoftwareMachine : IDisposable
{
    private const uint VfioMajor = 511; // the first that Linux gives out dynamically

    // Guards the groups, and changes of what programs read without it: devices and paths. Taken after the lock of
    // virtual functions, before a bus's.
    private readonly RankedLock _lock = new(LockRank.Machine);
    private readonly VfioRegistry _vfio = new(VfioMajor);
    private readonly VfioPciBus _bus;
    private readonly Dictionary<string, IommuUnit> _units = [];
    private readonly Dictionary<int, IommuGroup> _groups = [];
    private readonly Dictionary<int, IommuGroup> _ownGroups = []; // by requester ID
    private readonly Dictionary<int, string> _addresses = []; // requester IDs, and who is there or can be
    private readonly DefaultDomains _defaults;
    private readonly IommuNode _iommu;
    private readonly VfioContainerNode _container;
    private readonly IReadOnlyList<IMachineNode> _added = NodeRegistry.Create();
    private readonly Lazy<SvaNode> _sva;
    private volatile MachineDevice[] _devices = [];
    private volatile IReadOnlyDictionary<string, VirtualPath> _paths = new Dictionary<string, VirtualPath>();

    private readonly PciDriver _driver;
    private readonly NetHubs _hubs = new();
    private readonly SysfsModules _modules = new();

    private SoftwareMachine(MachineDescription description, Injector? injector)
    {
        Injector = injector;
        if (injector is not null) injector.Observers = Observers;
        Pasids = new PasidSpace { Injector = injector };
        _defaults = new DefaultDomains { BootType = description.DefaultDomain, Windows = VfioPciBus.Windows };
        _iommu = new IommuNode(Observers);
        _container = new VfioContainerNode(Observers);
        _sva = new(() => new SvaNode(Pasids, PasidQuota));
        _bus = new VfioPciBus(_vfio);
        _driver = new PciDriver(this);
        _systemPasids = new SystemPasids(Pasids, new PasidOwner { Quota = int.MaxValue });
        _mdevBus = new MdevBus(this);
        _vdpaDriver = new VdpaDriver(this);
        _faultWatch = new(() =>
        {
            var watch = new FaultWatch(this);
            Observers.Add(watch);
            return watch;
        });
    }

    /// <summary>The units.</summary>
    public IReadOnlyCollection<IommuUnit> Units => _units.Values;

    /// <summary>The observers of all that happens in the machine.</summary>
    public Observers Observers { get; } = new();

    /// <summary>What decides that something goes wrong in the machine; null for nothing.</summary>
    public Injector? Injector { get; }

    /// <summary>
    /// The devices, in the order in which they were plugged in; virtual functions while they are enabled.
    /// </summary>
    public IReadOnlyList<MachineDevice> Devices => _devices;

    /// <summary>What the machine calls a device: the name of a vDPA device, else its address.</summary>
    public string NameOf(Endpoint endpoint)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        return VdpaDevices.FirstOrDefault(d => d.Endpoint == endpoint)?.Name ?? endpoint.Id.ToString();
    }

    /// <summary>The PASIDs of the machine: one space for all units and drivers.</summary>
    public PasidSpace Pasids { get; }

    /// <summary>How many PASIDs an open /dev/sva may have that nobody allowed more.</summary>
    public int PasidQuota { get; private init; } = PasidOwner.DefaultQuota;

    /// <summary>
    /// Every path that the machine serves. Another object after each change, which virtual functions make at any time.
    /// </summary>
    public IReadOnlyDictionary<string, VirtualPath> Paths => _paths;

    /// <summary>Tells the thread that looks at mapped BARs how to sleep for less than a millisecond.</summary>
    /// <param name="sleep">Sleeps for so many microseconds. Without it the thread yields.</param>
    public void UseShortNap(Action<int> sleep) => _bus.Poller.ShortNap = sleep;

    /// <summary>Tells the block devices of all machines how to free bytes of files.</summary>
    /// <param name="punch">
    /// Frees bytes of a file from an offset on, which then read as 0; false if that is not possible. Without it files
    /// keep what is discarded.
    /// </param>
    public static void UseHoles(Func<SafeFileHandle, long, long, bool> punch) => FileHoles.Punch = punch;

    /// <summary>Builds a machine and plugs its devices in.</summary>
    /// <param name="description">What it consists of.</param>
    /// <param name="injector">What decides that something goes wrong in it; null for nothing.</param>
    /// <exception cref="MachineDescriptionException">A device cannot be placed.</exception>
    public static SoftwareMachine Create(MachineDescription description, Injector? injector = null)
    {
        ArgumentNullException.ThrowIfNull(description);
        var machine = new SoftwareMachine(description, injector) { PasidQuota = description.PasidQuota };
        try
        {
            foreach (UnitDescription unit in description.Units)
            {
                IommuUnit made = unit.Create(unit.Name);
                made.Observers = machine.Observers;
                made.Injector = injector;
                machine._units.Add(unit.Name, made);
            }

            // groups with numbers first: the others take what is free
            foreach (DeviceDescription device in description.Devices.Where(d => d.Group is not null))
                machine.GroupOf(device);
            foreach (DeviceDescription device in description.Devices.Where(d => d.Group is null))
                machine.GroupOf(device);
            foreach (DeviceDescription device in description.Devices)
            {
                PciDeviceModel model = ModelRegistry.Models[device.Model].Create(device.Properties, machine._hubs);
                machine.AddParent(machine.Plug(device, model), model);
            }

            foreach (string name in description.VirtualDevices) machine.AddVirtualParent(name);
            foreach (VdpaDescription device in description.VdpaDevices)
                machine.PlugVdpa(
                    VirtioModelRegistry.Models[device.Model].Create(device.Properties, machine._hubs), device);
            machine.BuildPaths();
            machine.CreateMdevs(description);
            return machine;
        }
        catch (ArgumentException e)
        {
            machine.Dispose();
            string sentence = e.ParamName is { } name
                ? e.Message.Replace($" (Parameter '{name}')", "", StringComparison.Ordinal)
                : e.Message;
            throw new MachineDescriptionException(sentence, e);
        }
    }

    /// <summary>Plugs in a device of the caller's own, behind the first unit.</summary>
    /// <param name="model">The model.</param>
    /// <param name="name">What to call it.</param>
    /// <param name="address">A free address.</param>
    /// <exception cref="ArgumentException">The address is taken, or the model describes no possible function. Nothing
    /// has changed then.</exception>
    public MachineDevice Plug(PciDeviceModel model, string name, RequesterId address)
    {
        ArgumentNullException.ThrowIfNull(model);
        MachineDevice plugged;
        using (_lock.Enter())
        {
            var device = new DeviceDescription(name, address, _units.Keys.First(), null,
                new Dictionary<string, string>());
            plugged = Plug(device, model);
        }

        AddParent(plugged, model);
        using (_lock.Enter()) BuildPaths();
        return plugged;
    }

    /// <summary>Unplugs all devices, those of drivers in the host too; every file must be closed.</summary>
    /// <exception cref="InvalidOperationException">A driver left mappings. All is unplugged.</exception>
    public void Dispose()
    {
        InvalidOperationException? leak = null;
        foreach (HostFunction function in _devices.Select(d => d.HostFunction).OfType<HostFunction>())
        {
            try
            {
                function.Dispose();
            }
            catch (InvalidOperationException e)
            {
                leak ??= e;
            }
        }

        foreach (VfioPciDevice part in _mdevParts.Values) part.Dispose();
        _mdevParts.Clear();
        foreach (MachineVdpa device in _vdpa.Reverse()) device.Device.Dispose();
        _vdpa = [];
        foreach (MachineDevice device in _devices.Reverse()) device.Pci.Dispose();
        _devices = [];
        _bus.Dispose();
        if (leak is not null) ExceptionDispatchInfo.Throw(leak);
    }

    /// <summary>The driver has a function from now on: it has its nodes.</summary>
    internal void Attach(MachineDevice device)
    {
        using (_lock.Enter())
        {
            if (!_devices.Contains(device)) return; // a virtual function that went
            _bus.Attach(device.Pci);
            device.Driver = DriverState.Bound;
            BuildPaths();
        }
    }

    /// <summary>The driver begins to give a function back: no path leads to its nodes.</summary>
    internal void Release(MachineDevice device)
    {
        using (_lock.Enter())
        {
            device.Driver = DriverState.Leaving;
            BuildPaths();
        }
    }

    /// <summary>The driver has given a function back, whose files are closed.</summary>
    internal void Detach(MachineDevice device)
    {
        using (_lock.Enter())
        {
            _bus.Detach(device.Pci);
            device.Driver = DriverState.None;
            BuildPaths();
        }
    }

    /// <summary>Whether a function is on its bus.</summary>
    internal void SetRemoved(MachineDevice device, bool isRemoved)
    {
        using (_lock.Enter())
        {
            device.IsRemoved = isRemoved;
            BuildPaths();
        }
    }

    private MachineDevice Plug(DeviceDescription device, PciDeviceModel model)
    {
        Dictionary<int, string> addresses = AddressesOf(device, model);
        PciFunction function = device.Restrict(model.Function);
        VfioPciDevice vfio = Add(device, function, (endpoint, minor) => _bus.Add(model, endpoint, minor, function));
        var plugged = new MachineDevice(device.Model, vfio);
        if (function.Sriov is not null) plugged.Sriov = new PciSriov(this, plugged, model, function.Sriov);
        foreach ((int address, string name) in addresses) _addresses.Add(address, name);
        _devices = [.. _devices, plugged];
        return plugged;
    }

    /// <summary>Makes a function's endpoint in its group and adds it to the bus, or does nothing.</summary>
    private VfioPciDevice Add(DeviceDescription device, PciFunction function, Func<Endpoint, uint, VfioPciDevice> add)
    {
        Endpoint endpoint = NewEndpoint(device, function);
        try
        {
            return add(endpoint, FreeMinor());
        }
        catch
        {
            Forget(endpoint, device.Address);
            throw;
        }
    }

    /// <summary>
    /// A function is no more; neither is its group, if it was the group's only one and the group is not named in the
    /// description.
    /// </summary>
    private void Forget(Endpoint endpoint, RequesterId address)
    {
        endpoint.Group.Remove(endpoint);
        if (endpoint.Group.Endpoints.Count == 0 && _ownGroups.Remove(address.Key)) _groups.Remove(endpoint.Group.Id);
    }

    /// <summary>Makes a function's endpoint and puts it on its group's default domain.</summary>
    private Endpoint NewEndpoint(DeviceDescription device, PciFunction function)
    {
        Endpoint endpoint = new(device.Address, _units[device.Unit], GroupOf(device))
        {
            Features = FeaturesOf(function),
            IsUntrusted = device.Untrusted,
        };
        endpoint.Group.SetUp(_defaults); // where the unit refuses, the group has none and is blocked
        return endpoint;
    }

    private static EndpointFeatures FeaturesOf(PciFunction function) => new()
    {
        PasidBits = function.PasidBits,
        PasidExecute = function.PasidExecute,
        PasidPrivileged = function.PasidPrivileged,
        Ats = function.HasAts,
        PageRequests = function.PageRequests,
    };

    /// <summary>A device's requester ID, and those that its virtual functions can have, with what each is called.
    /// </summary>
    /// <exception cref="ArgumentException">One is another's.</exception>
    private Dictionary<int, string> AddressesOf(DeviceDescription device, PciDeviceModel model)
    {
        Dictionary<int, string> addresses = [];
        Take(device.Address, device.Address.ToString());
        if (model.Function.Sriov is not { } sriov) return addresses;
        for (int number = 0; number < sriov.TotalVfs; number++)
            Take(PciSriov.AddressOf(device.Address, sriov, number), $"virtual function {number} of {device.Address}");
        return addresses;

        void Take(RequesterId address, string name)
        {
            if (_addresses.TryGetValue(address.Key, out string? taken)
                || addresses.TryGetValue(address.Key, out taken))
                throw new ArgumentException($"{address} is taken by {taken}; {name} cannot have it too.");
            addresses.Add(address.Key, name);
        }
    }

    private uint FreeMinor()
    {
        uint minor = 0;
        while (_devices.Any(d => d.Vfio.Minor == minor) || _others.Concat(_leaving).Any(d => d.Minor == minor)) minor++;
        return minor;
    }

    /// <summary>
    /// A device's group: the one it names, else the lowest number that none names, kept for its address.
    /// </summary>
    private IommuGroup GroupOf(DeviceDescription device)
    {
        if (device.Group is { } named)
        {
            if (!_groups.TryGetValue(named, out IommuGroup? shared)) _groups[named] = shared = new IommuGroup(named);
            return shared;
        }

        if (_ownGroups.TryGetValue(device.Address.Key, out IommuGroup? own)) return own;
        int free = FreeGroup();
        return _ownGroups[device.Address.Key] = _groups[free] = new IommuGroup(free);
    }

    private int FreeGroup()
    {
        int free = 0;
        while (_groups.ContainsKey(free)) free++;
        return free;
    }
}
