namespace Ioasis.Machine.Sysfs;

/// <summary>The driver vfio-pci, and what sets the bus's drivers to work.</summary>
internal static class SysfsDriver
{
    /// <summary>The driver's directory.</summary>
    internal const string Directory = "/sys/bus/pci/drivers/vfio-pci";

    /// <summary>Adds it.</summary>
    internal static void Add(SysfsTree tree)
    {
        tree.Directory(Directory);
        tree.Link($"{Directory}/module", "/sys/module/vfio_pci");
        tree.WriteOnly($"{Directory}/uevent", SysfsTree.Ignore);
    }
}
