using Ioasis.Core.Endpoints;

namespace Ioasis.Passthrough.Vfio;

/// <summary>
/// The VFIO devices of one machine that programs can have, and their groups (Linux: vfio_register_group_dev and its
/// kin). Devices are registered and unregistered one at a time.
/// </summary>
internal sealed class VfioRegistry
{
    /// <summary>Makes an empty one.</summary>
    /// <param name="major">Major number of the nodes of devices; that of groups is the one before.</param>
    internal VfioRegistry(uint major) => Major = major;

    /// <summary>Major number of the nodes of devices.</summary>
    internal uint Major { get; }

    /// <summary>The groups, in the order of their first device.</summary>
    internal IReadOnlyList<VfioGroup> Groups { get; private set; } = [];

    /// <summary>Gives a device to programs, by its node and by its group.</summary>
    /// <param name="device">The device.</param>
    /// <param name="group">The group of IOMMU; null for a device that has only its node.</param>
    internal void Register(VfioDevice device, IommuGroup? group)
    {
        device.Group = group is null ? null : GroupOf(group);
        device.Restore();
        if (device.Group is not { } joined) return;
        if (joined.Devices.Count == 0) Groups = [.. Groups, joined];
        joined.Add(device);
    }

    /// <summary>Takes a device whose files are closed from its group, which goes if that was its last one.</summary>
    internal void Unregister(VfioDevice device)
    {
        if (device.Group is { } group && group.Remove(device)) Groups = [.. Groups.Where(g => g != group)];
    }

    private VfioGroup GroupOf(IommuGroup group)
    {
        if (Groups.FirstOrDefault(g => g.Id == group.Id) is { } known) return known;
        uint minor = 0;
        while (Groups.Any(g => g.Minor == minor)) minor++;
        return new VfioGroup(group, Major - 1, minor);
    }
}
