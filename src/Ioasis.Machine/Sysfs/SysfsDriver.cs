using Ioasis.Machine.Drivers;

namespace Ioasis.Machine.Sysfs;

/// <summary>The drivers of the PCI bus, and what sets them to work.</summary>
internal static class SysfsDriver
{
    /// <summary>The directory of vfio-pci.</summary>
    internal const string Directory = $"{Bus}/drivers/{PciDriver.Name}";

    private const string Bus = "/sys/bus/pci";

    /// <summary>A driver's directory.</summary>
    internal static string DirectoryOf(string driver) => $"{Bus}/drivers/{driver}";

    /// <summary>Adds a driver in the host, which chooses its functions itself.</summary>
    internal static void Add(SysfsTree tree, PciDriver bus, HostDriver driver) => Add(
        tree, driver.Name, text => bus.Bind(driver, text), text => bus.Unbind(driver, text), SysfsTree.Ignore);

    /// <summary>Adds vfio-pci.</summary>
    internal static void Add(SysfsTree tree, PciDriver driver)
    {
        Add(tree, PciDriver.Name, driver.Bind, driver.Unbind, driver.AddId);
        tree.Link($"{Directory}/module", "/sys/module/vfio_pci");
        tree.WriteOnly($"{Bus}/drivers_probe", driver.Probe);
        tree.WriteOnly($"{Bus}/rescan", driver.Rescan);
        tree.Text($"{Bus}/drivers_autoprobe", () => driver.Autoprobe.Text, driver.Autoprobe.Set);
    }

    private static void Add(
        SysfsTree tree, string name, Action<ReadOnlyMemory<byte>> bind, Action<ReadOnlyMemory<byte>> unbind,
        Action<ReadOnlyMemory<byte>> addId)
    {
        string directory = DirectoryOf(name);
        tree.Directory(directory);
        tree.WriteOnly($"{directory}/bind", bind);
        tree.WriteOnly($"{directory}/unbind", unbind);
        tree.WriteOnly($"{directory}/new_id", addId);
        tree.WriteOnly($"{directory}/remove_id", SysfsTree.Ignore); // the IDs that a driver was loaded with stay
        tree.WriteOnly($"{directory}/uevent", SysfsTree.Ignore);
    }
}
