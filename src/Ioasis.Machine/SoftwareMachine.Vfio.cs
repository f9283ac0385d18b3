using Ioasis.Core.Endpoints;
using Ioasis.Passthrough.Vfio;

namespace Ioasis.Machine;

/// <summary>The machine's VFIO devices that are no PCI functions.</summary>
public sealed partial class SoftwareMachine
{
    private const string EmulatedGroup = "vfio-noiommu"; // what Linux calls the group of each emulated device

    private volatile VfioDevice[] _others = [];
    private VfioDevice[] _leaving = []; // no path leads to their nodes, but to their groups

    /// <summary>
    /// Gives a subdevice of a function to programs. It has its node and no group: a group would have to be its
    /// parent's, which belongs to the parent's driver.
    /// </summary>
    /// <param name="ops">What it does.</param>
    internal VfioDevice AddSubdevice(IVfioDeviceOps ops)
    {
        using (_lock.Enter()) return Add(ops, null);
    }

    /// <summary>
    /// Gives an emulated device to programs, by its node and by a group of its own, in which there is no endpoint
    /// (Linux: vfio_register_emulated_iommu_dev).
    /// </summary>
    /// <param name="ops">What it does.</param>
    internal VfioDevice AddEmulated(IVfioDeviceOps ops)
    {
        using (_lock.Enter())
        {
            return Add(ops, NewEmulatedGroup());
        }
    }

    /// <summary>A device that is no PCI function is no more; its files are closed.</summary>
    internal void Remove(VfioDevice device)
    {
        using (_lock.Enter())
        {
            _vfio.Unregister(device);
            if (device.Group is { } group) _groups.Remove(group.Id);
            _others = [.. _others.Where(d => d != device)];
            _leaving = [.. _leaving.Where(d => d != device)];
            BuildPaths();
        }
    }

    /// <summary>
    /// The address of the function that a VFIO node is of, of a group the first one's; null for another path.
    /// </summary>
    /// <param name="path">A path, such as <c>/dev/vfio/devices/vfio0</c> or <c>/dev/vfio/7</c>.</param>
    public string? DeviceOf(string path) =>
        _devices.FirstOrDefault(d => d.VfioNode == path || d.Vfio.Group?.Path == path)?.Requester.ToString();

    /// <summary>The VFIO node of a function, or of its group; null if there is none.</summary>
    /// <param name="device">The function's address.</param>
    /// <param name="ofGroup">Whether the group's node is meant.</param>
    public string? NodeOf(string device, bool ofGroup)
    {
        MachineDevice? found = _devices.FirstOrDefault(d => d.Requester.ToString() == device);
        return ofGroup ? found?.Vfio.Group?.Path : found?.VfioNode;
    }

    private VfioDevice Add(IVfioDeviceOps ops, IommuGroup? group)
    {
        VfioDevice device = Register(ops, group);
        BuildPaths();
        return device;
    }

    private VfioDevice Register(IVfioDeviceOps ops, IommuGroup? group)
    {
        var device = new VfioDevice(ops, (_vfio.Major, FreeMinor()));
        _vfio.Register(device, group);
        _others = [.. _others, device];
        return device;
    }

    private IommuGroup NewEmulatedGroup()
    {
        int free = FreeGroup();
        return _groups[free] = new IommuGroup(free) { Name = EmulatedGroup };
    }
}
