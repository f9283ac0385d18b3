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

    /// <summary>Adds a driver in the host.</summary>
    internal static void Add(SysfsTree tree, PciDriver bus, HostDriver driver)
    {
        string directory = DirectoryOf(driver.Name);
        tree.Directory(directory);
        tree.WriteOnly($"{directory}/bind", text => bus.Bind(driver, text));
        tree.WriteOnly($"{directory}/unbind", text => bus.Unbind(driver, text));
        tree.WriteOnly($"{directory}/new_id", SysfsTree.Ignore); // the driver chooses its functions
        tree.WriteOnly($"{directory}/remove_id", SysfsTree.Ignore);
        tree.WriteOnly($"{directory}/uevent", SysfsTree.Ignore);
    }

    /// <summary>Adds vfio-pci.</summary>
    internal static void Add(SysfsTree tree, PciDriver driver)
    {
        tree.Directory(Directory);
        tree.Link($"{Directory}/module", "/sys/module/vfio_pci");
        tree.WriteOnly($"{Directory}/bind", driver.Bind);
        tree.WriteOnly($"{Directory}/unbind", driver.Unbind);
        tree.WriteOnly($"{Directory}/new_id", driver.AddId);
        tree.WriteOnly($"{Directory}/remove_id", SysfsTree.Ignore); // the IDs that it was loaded with stay
        tree.WriteOnly($"{Directory}/uevent", SysfsTree.Ignore);
        tree.WriteOnly($"{Bus}/drivers_probe", driver.Probe);
        tree.WriteOnly($"{Bus}/rescan", driver.Rescan);
        tree.Text($"{Bus}/drivers_autoprobe", () => driver.Autoprobe.Text, driver.Autoprobe.Set);
    }
}
