using Ioasis.Core;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Pasids;
using Ioasis.Core.Units;
using Ioasis.Devices.Virtio;
using Ioasis.Machine.Description;
using Ioasis.Memory;
using Ioasis.Passthrough.Vdpa;

namespace Ioasis.Machine;

/// <summary>The machine's vDPA devices.</summary>
public sealed partial class SoftwareMachine
{
    private const uint VdpaMajor = VfioMajor - 2; // the next below VFIO's two

    private readonly PasidOwner _vdpaPasids = new() { Quota = int.MaxValue };
    private readonly VdpaDriver _vdpaDriver;
    private volatile MachineVdpa[] _vdpa = [];

    /// <summary>The vDPA devices, in the order in which they were plugged in.</summary>
    public IReadOnlyList<MachineVdpa> VdpaDevices => _vdpa;

    private IEnumerable<VhostVdpaNode> VdpaNodes =>
        _vdpa.Where(device => device.Driver == DriverState.Bound).Select(device => device.Device.Node!);

    // The driver has its number as long as it is there.
    private IEnumerable<(uint Major, string Driver)> VdpaMajors =>
        _vdpa.Length == 0 ? [] : [(VdpaMajor, VdpaDevice.DriverName)];

    /// <summary>Plugs in a vDPA device of the caller's own, behind the first unit.</summary>
    /// <param name="model">The model.</param>
    /// <param name="name">Its name on the bus.</param>
    /// <param name="usesVirtualAddresses">As in <see cref="VdpaDescription.UsesVirtualAddresses"/>.</param>
    /// <param name="usesOwnersPointers">As in <see cref="VdpaDescription.UsesOwnersPointers"/>.</param>
    /// <param name="hasDoorbells">As in <see cref="VdpaDescription.HasDoorbells"/>.</param>
    /// <exception cref="ArgumentException">The name is taken or impossible, or the unit has no PASIDs. Nothing has
    /// changed then.</exception>
    public MachineVdpa PlugVdpa(
        VirtioDeviceModel model, string name, bool usesVirtualAddresses = false, bool usesOwnersPointers = false,
        bool hasDoorbells = false)
    {
        ArgumentNullException.ThrowIfNull(model);
        using (_lock.Enter())
        {
            var description = new VdpaDescription(name, "", _units.Keys.First(), new Dictionary<string, string>())
            {
                UsesVirtualAddresses = usesVirtualAddresses,
                UsesOwnersPointers = usesOwnersPointers,
                HasDoorbells = hasDoorbells,
            };
            MachineVdpa device = PlugVdpa(model, description);
            BuildPaths();
            return device;
        }
    }

    /// <summary>Shows programs whether the driver has a vDPA device. Called with the driver's lock held.</summary>
    internal void SetDriver(MachineVdpa device, DriverState state)
    {
        using (_lock.Enter())
        {
            if (state == DriverState.Bound) AddNode(device.Device);
            else if (state == DriverState.None) device.Device.Node = null;
            device.Driver = state;
            BuildPaths();
        }
    }

    /// <summary>Gives a device a node, with the lowest free minor number. A node that leaves has its own yet.</summary>
    private void AddNode(VdpaDevice device)
    {
        uint minor = 0;
        while (Array.Exists(_vdpa, other => other.Device.Node?.Minor == minor)) minor++;
        device.Node = new VhostVdpaNode(device, (VdpaMajor, minor));
    }

    /// <summary>
    /// Makes the device's endpoint, in a group of its own, and a PASID for each of its address spaces, of which there
    /// are as many as groups of queues.
    /// </summary>
    private MachineVdpa PlugVdpa(VirtioDeviceModel model, VdpaDescription description)
    {
        if (!VdpaDescription.IsName(description.Name))
            throw new ArgumentException($"\"{description.Name}\" cannot be the name of a vDPA device.");
        if (Array.Exists(_vdpa, device => device.Name == description.Name))
            throw new ArgumentException($"There is already a vDPA device {description.Name}.");
        IommuUnit unit = _units[description.Unit];
        if (unit.MaxPasidLog2 == 0)
            throw new ArgumentException(
                $"{description.Name} needs PASIDs, and the unit {description.Unit} has none; give it \"pasidBits\".");
        int free = FreeGroup();
        var endpoint = new Endpoint(new DeviceId(description.Name), unit, _groups[free] = new IommuGroup(free))
        {
            Features = new EndpointFeatures { PasidBits = Pasid.Bits },
        };
        List<Pasid> pasids = [];
        try
        {
            uint last = (1u << endpoint.MaxPasidLog2) - 1;
            for (int asid = 0; asid < model.Function.Groups; asid++)
            {
                if (Pasids.Allocate(_vdpaPasids, 1, last, out Pasid pasid) != IommuStatus.Ok)
                    throw new ArgumentException($"There are not enough PASIDs for {description.Name}.");
                pasids.Add(pasid);
            }

            var device = new VdpaDevice(description.Name, model, endpoint, pasids)
            {
                UsesVirtualAddresses = description.UsesVirtualAddresses,
                OwnerPasids = description.UsesOwnersPointers ? Pasids : null,
                DoorbellPoller = description.HasDoorbells ? _bus.Poller : null,
            };
            AddNode(device);
            var plugged = new MachineVdpa(device);
            _vdpa = [.. _vdpa, plugged];
            return plugged;
        }
        catch
        {
            foreach (Pasid pasid in pasids) Pasids.Free(_vdpaPasids, pasid);
            _groups.Remove(free);
            throw;
        }
    }
}
