namespace Ioasis.Machine.Sysfs;

/// <summary>The driver vfio-pci, and what sets the bus's drivers to work.</summary>
internal static class SysfsDriver
{
    /// <summary>The driver's directory.</summary>
    internal const string Directory = $"{Bus}/drivers/{PciDriver.Name}";

    private const string Bus = "/sys/bus/pci";

    /// <summary>Adds it.</summary>
    internal static void Add(SysfsTree tree, PciDriver driver)
    {
        tree.Directory(Directory);
        tree.Link($"{Directory}/module", "/sys/module/vfio_pci");
        tree.WriteOnly($"{Directory}/bind", driver.Bind);
        tree.WriteOnly($"{Directory}/unbind", driver.Unbind);
        tree.WriteOnly($"{Directory}/new_id", driver.AddId);
        tree.WriteOnly($"{Directory}/remove_id", SysfsTree.Ignore); // the IDs that it was loaded with stay
        tree.WriteOnly($"{Directory}/uevent", SysfsTree.Ignore);
        tree.WriteOnly($"{Bus}/drivers_probe", driver.Bind);
        tree.WriteOnly($"{Bus}/rescan", driver.Rescan);
        tree.Text($"{Bus}/drivers_autoprobe", () => driver.Autoprobe.Text, driver.Autoprobe.Set);
    }
}
