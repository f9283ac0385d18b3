using Ioasis.Machine.Nodes;
using Ioasis.Passthrough.Vdpa;

namespace Ioasis.Machine.Sysfs;

/// <summary>
/// The vDPA bus, its driver and its devices (Linux: drivers/vdpa/vdpa.c). There is no class: a node's directory is in
/// its device's.
/// </summary>
internal static class SysfsVdpa
{
    private const string Bus = "/sys/bus/vdpa", Driver = $"{Bus}/drivers/{VdpaDriver.Name}";

    // Bytes of each notification by eventfd, which drivers write often.
    private const uint EventSize = 8;

    /// <summary>Adds it, if there are devices.</summary>
    internal static void Add(SysfsTree tree, VdpaDriver driver, IReadOnlyList<MachineVdpa> devices)
    {
        if (devices.Count == 0) return;
        tree.Directory($"{Bus}/devices");
        tree.Directory($"{Bus}/drivers");
        tree.Directory(Driver, merged: false);
        tree.Text($"{Bus}/drivers_autoprobe", () => driver.Autoprobe.Text, driver.Autoprobe.Set);
        tree.WriteOnly($"{Bus}/uevent", SysfsTree.Ignore);
        tree.WriteOnly($"{Driver}/uevent", SysfsTree.Ignore);
        uint[] sizes = [.. devices.SelectMany(device => SizesOf(device.Name)).Distinct()];
        AddStore($"{Bus}/drivers_probe", driver.Probe);
        AddStore($"{Driver}/bind", driver.Bind);
        AddStore($"{Driver}/unbind", driver.Unbind);
        foreach (MachineVdpa device in devices) Add(tree, device);

        void AddStore(string path, AttributeStore store) => tree.Add(
            new VirtualFile(path, static () => [], SysfsTree.OnlyOwnerWrites)
            {
                StoreSizes = sizes,
                StoresVectors = false,
                Store = store,
            });
    }

    /// <summary>Bytes of a name without and with a newline. Writes of 8 bytes are left to the kernel.</summary>
    private static IEnumerable<uint> SizesOf(string name) =>
        ((uint[])[(uint)name.Length, (uint)name.Length + 1]).Where(size => size != EventSize);

    private static void Add(SysfsTree tree, MachineVdpa device)
    {
        string directory = $"/sys/devices/{device.Name}";
        byte[] driver = device.Driver == DriverState.None ? [] : SysfsTree.Line($"DRIVER={VdpaDriver.Name}");
        tree.Directory(directory, merged: false);
        tree.Directory($"{directory}/power", merged: false);
        tree.Add(new VirtualFile($"{directory}/uevent", () => driver, SysfsTree.OwnerWrites)
        {
            Take = SysfsTree.Ignore,
        });
        tree.Text($"{directory}/driver_override", () => device.DriverOverride, device.SetDriverOverride);
        tree.Link($"{directory}/subsystem", Bus);
        tree.Link($"{Bus}/devices/{device.Name}", directory);
        if (device.Driver == DriverState.Bound) AddBound(tree, device.Device.Node!, directory);
    }

    /// <summary>What a device has while the driver has it.</summary>
    private static void AddBound(SysfsTree tree, VhostVdpaNode node, string directory)
    {
        string shown = $"{directory}/{node.Name}";
        tree.Link($"{directory}/driver", Driver);
        tree.Link($"{Driver}/{node.Device.Name}", directory);
        tree.Directory(shown, merged: false);
        tree.Directory($"{shown}/power", merged: false);
        tree.Text($"{shown}/dev", $"{node.Major}:{node.Minor}");
        tree.Text($"{shown}/uevent",
            () => $"MAJOR={node.Major}\nMINOR={node.Minor}\nDEVNAME={node.Name}", SysfsTree.Ignore);
        tree.Link($"/sys/dev/char/{node.Major}:{node.Minor}", shown);
    }
}
