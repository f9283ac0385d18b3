using Ioasis.Passthrough.Vdpa;

namespace Ioasis.Machine.Sysfs;

/// <summary>
/// The vDPA bus, its driver and its devices (Linux: drivers/vdpa/vdpa.c). There is no class: a node's directory is in
/// its device's.
/// </summary>
internal static class SysfsVdpa
{
    private const string Bus = "/sys/bus/vdpa", Driver = $"{Bus}/drivers/vhost_vdpa";

    /// <summary>Adds it, if there are devices.</summary>
    internal static void Add(SysfsTree tree, IReadOnlyList<VdpaDevice> devices)
    {
        if (devices.Count == 0) return;
        tree.Directory($"{Bus}/devices");
        tree.Directory($"{Bus}/drivers");
        tree.Directory(Driver, merged: false);
        tree.Text($"{Bus}/drivers_autoprobe", static () => "1", SysfsTree.Ignore);
        tree.WriteOnly($"{Bus}/drivers_probe", SysfsTree.Ignore); // the driver has every device already
        tree.WriteOnly($"{Bus}/uevent", SysfsTree.Ignore);
        foreach (string command in (string[])["bind", "unbind", "uevent"])
            tree.WriteOnly($"{Driver}/{command}", SysfsTree.Ignore);
        foreach (VdpaDevice device in devices) Add(tree, device);
    }

    private static void Add(SysfsTree tree, VdpaDevice device)
    {
        string directory = $"/sys/devices/{device.Name}", node = $"{directory}/{device.FileName}";
        tree.Directory(directory, merged: false);
        tree.Directory($"{directory}/power", merged: false);
        tree.Text($"{directory}/uevent", static () => "DRIVER=vhost_vdpa", SysfsTree.Ignore);
        tree.Text($"{directory}/driver_override", static () => "(null)", SysfsTree.Ignore);
        tree.Link($"{directory}/driver", Driver);
        tree.Link($"{Driver}/{device.Name}", directory);
        tree.Link($"{directory}/subsystem", Bus);
        tree.Link($"{Bus}/devices/{device.Name}", directory);
        tree.Directory(node, merged: false);
        tree.Directory($"{node}/power", merged: false);
        tree.Text($"{node}/dev", $"{device.Major}:{device.Minor}");
        tree.Text($"{node}/uevent",
            () => $"MAJOR={device.Major}\nMINOR={device.Minor}\nDEVNAME={device.FileName}", SysfsTree.Ignore);
        tree.Link($"/sys/dev/char/{device.Major}:{device.Minor}", node);
    }
}
