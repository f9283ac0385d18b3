using Ioasis.Core.Units;

namespace Ioasis.Machine.Sysfs;

/// <summary>The IOMMU units, in /sys/class/iommu.</summary>
internal static class SysfsUnits
{
    /// <summary>Adds a unit.</summary>
    internal static void Add(SysfsTree tree, IommuUnit unit)
    {
        string directory = DirectoryOf(unit.Name);
        tree.Directory(directory);
        tree.Directory($"{directory}/devices");
        tree.Link($"{directory}/subsystem", "/sys/class/iommu");
        tree.Link($"/sys/class/iommu/{unit.Name}", directory);
        foreach (SysfsAttribute attribute in unit.SysfsAttributes)
        {
            string path = $"{directory}/{attribute.Path}";
            tree.Directory(path[..path.LastIndexOf('/')], merged: true);
            tree.Text(path, attribute.Text);
        }
    }

    /// <summary>A unit's directory.</summary>
    internal static string DirectoryOf(string unit) => $"/sys/devices/virtual/iommu/{unit}";
}
