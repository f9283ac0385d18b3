using Ioasis.Abi;
using Ioasis.Devices;
using Ioasis.Machine.Nodes;
using Ioasis.Passthrough.Mdev;

namespace Ioasis.Machine.Sysfs;

/// <summary>
/// The bus of mdevs, their parents with types, and the mdevs (Linux: drivers/vfio/mdev/mdev_sysfs.c and mdev_driver.c).
/// </summary>
internal static class SysfsMdevs
{
    // A UUID with or without a newline; and the sizes of a number, for `remove` of the mdevs that are created.
    private static readonly uint[] s_createSizes = [1, 2, 3, 4, 5, 6, 7, MdevUuid.Length, MdevUuid.Length + 1];

    private const string Bus = "/sys/bus/mdev", Class = "/sys/class/mdev_bus";

    /// <summary>Adds it, if there are parents.</summary>
    internal static void Add(
        SysfsTree tree, MdevBus bus, IReadOnlyList<MdevParent> parents, IEnumerable<MdevDevice> devices)
    {
        if (parents.Count == 0) return;
        tree.Directory($"{Bus}/devices");
        tree.Directory($"{Bus}/drivers");
        tree.Directory(Class);
        tree.Text($"{Bus}/drivers_autoprobe", static () => "1", SysfsTree.Ignore);
        tree.WriteOnly($"{Bus}/drivers_probe", SysfsTree.Ignore); // no driver takes an mdev that it did not create
        tree.WriteOnly($"{Bus}/uevent", SysfsTree.Ignore);
        foreach (MdevParent parent in parents) AddParent(tree, bus, parent);
        foreach (MdevDevice device in devices) AddDevice(tree, bus, device);
    }

    private static string DirectoryOf(string driver) => $"{Bus}/drivers/{driver}";

    /// <summary>
    /// The driver of a parent's mdevs. It takes those that it creates, and no other: <c>bind</c> is ENODEV always.
    /// </summary>
    private static void AddDriver(SysfsTree tree, MdevBus bus, string driver)
    {
        string directory = DirectoryOf(driver), module = $"/sys/module/{driver.Replace('-', '_')}";
        tree.Directory(directory, merged: false);
        tree.WriteOnly($"{directory}/uevent", SysfsTree.Ignore);
        AddStore($"{directory}/bind", static (_, answer) => answer(Errno.ENODEV));
        AddStore($"{directory}/unbind", (text, answer) => bus.Unbind(driver, SysfsText.Line(text), answer));
        tree.Directory($"{module}/drivers");
        tree.Link($"{module}/drivers/mdev:{driver}", directory);
        tree.Link($"{directory}/module", module);

        void AddStore(string path, AttributeStore store) => tree.Add(
            new VirtualFile(path, static () => [], SysfsTree.OnlyOwnerWrites)
            {
                StoreSizes = s_createSizes,
                Store = store,
            });
    }

    private static void AddParent(SysfsTree tree, MdevBus bus, MdevParent parent)
    {
        AddDriver(tree, bus, parent.Driver);
        if (parent.IsVirtual) AddVirtual(tree, parent);
        tree.Link($"{Class}/{parent.Name}", parent.Directory);
        string types = $"{parent.Directory}/mdev_supported_types";
        tree.Directory(types, merged: false);
        foreach (MdevParentType type in parent.Types)
        {
            string directory = $"{types}/{type.Name}";
            tree.Directory(directory, merged: false);
            tree.Directory($"{directory}/devices", merged: false);
            tree.Text($"{directory}/device_api", type.Type.DeviceApi);
            tree.Text($"{directory}/name", type.Type.DisplayName ?? type.Name);
            if (type.Type.Description is { } description) tree.Text($"{directory}/description", description);
            tree.Text($"{directory}/available_instances", () => SysfsTree.Decimal(bus.AvailableOf(parent, type)));
            tree.Add(new VirtualFile($"{directory}/create", static () => [], SysfsTree.OnlyOwnerWrites)
            {
                StoreSizes = s_createSizes,
                Store = (text, answer) =>
                    answer(MdevUuid.TryParse(text, out Guid uuid) ? bus.Create(parent, type, uuid) : Errno.EINVAL),
            });
        }
    }

    private static void AddVirtual(SysfsTree tree, MdevParent parent)
    {
        tree.Directory($"/sys/class/{parent.Driver}");
        tree.Directory($"/sys/devices/virtual/{parent.Driver}", merged: false);
        tree.Directory(parent.Directory, merged: false);
        tree.Text($"{parent.Directory}/uevent", static () => "", SysfsTree.Ignore);
        tree.Link($"{parent.Directory}/subsystem", $"/sys/class/{parent.Driver}");
        tree.Link($"/sys/class/{parent.Driver}/{parent.Name}", parent.Directory);
    }

    private static void AddDevice(SysfsTree tree, MdevBus bus, MdevDevice device)
    {
        string directory = device.Directory;
        string type = $"{device.Parent.Directory}/mdev_supported_types/{device.Type.Name}";
        tree.Directory(directory, merged: false);
        tree.Directory($"{directory}/power", merged: false);
        tree.Text($"{directory}/uevent",
            () => device.Driver == MdevDriverState.Bound ? $"DRIVER={device.Parent.Driver}" : "", SysfsTree.Ignore);
        tree.Add(new VirtualFile($"{directory}/remove", static () => [], SysfsTree.OnlyOwnerWrites)
        {
            Store = (text, answer) => Remove(bus, device, text, answer),
        });
        tree.Link($"{directory}/mdev_type", type);
        tree.Link($"{type}/devices/{device.Name}", directory);
        tree.Link($"{directory}/subsystem", Bus);
        tree.Link($"{Bus}/devices/{device.Name}", directory);
        if (device.Driver == MdevDriverState.Bound) AddBound(tree, device);
    }

    /// <summary>What an mdev has while its driver has it.</summary>
    private static void AddBound(SysfsTree tree, MdevDevice device)
    {
        string directory = device.Directory, driver = DirectoryOf(device.Parent.Driver);
        tree.Link($"{directory}/driver", driver);
        tree.Link($"{driver}/{device.Name}", directory);
        foreach (MdevAttribute attribute in device.Model.Attributes) AddAttribute(tree, device, attribute);
        if (device.Vfio.Group is { } group)
            SysfsGroups.AddMember(tree, group.Id, device.Name, directory);

        string node = $"vfio{device.Vfio.Minor}";
        tree.Directory($"{directory}/vfio-dev", merged: false);
        tree.Device($"{directory}/vfio-dev/{node}", "vfio-dev", node, (device.Vfio.Major, device.Vfio.Minor),
            $"vfio/devices/{node}");
        tree.Link($"{directory}/vfio-dev/{node}/device", directory);
    }

    private static void AddAttribute(SysfsTree tree, MdevDevice device, MdevAttribute attribute)
    {
        string directory = attribute.Group.Length == 0 ? device.Directory : $"{device.Directory}/{attribute.Group}";
        string path = $"{directory}/{attribute.Name}";
        tree.Directory(directory, merged: false);
        var file = new VirtualFile(path, () => SysfsTree.Line(device.Show(attribute)));
        if (attribute.Store is not null)
        {
            file = file with
            {
                Mode = SysfsTree.OwnerWrites,
                Store = (text, answer) => answer(device.Store(attribute, SysfsText.Line(text))),
            };
        }

        tree.Add(file);
    }

    /// <summary>Any number but 0 removes.</summary>
    private static void Remove(MdevBus bus, MdevDevice device, ReadOnlySpan<byte> text, Action<Errno> answer)
    {
        if (!SysfsNumber.TryParse(text, out ulong number)) answer(Errno.EINVAL);
        else if (number == 0) answer(Errno.None);
        else bus.Remove(device, answer);
    }
}
