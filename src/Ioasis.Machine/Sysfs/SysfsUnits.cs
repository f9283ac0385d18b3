using Ioasis.Abi;
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
        if (unit.HardwareInfo.Type != IommufdH.IOMMU_HW_INFO_TYPE_INTEL_VTD) return;
        tree.Directory($"{directory}/intel-iommu");
        ReadOnlySpan<byte> info = unit.HardwareInfo.Data.Span; // flags, reserved, cap_reg, ecap_reg (linux/iommufd.h)
        tree.Text($"{directory}/intel-iommu/cap", $"{BitConverter.ToUInt64(info[8..]):x}");
        tree.Text($"{directory}/intel-iommu/ecap", $"{BitConverter.ToUInt64(info[16..]):x}");
        tree.Text($"{directory}/intel-iommu/version", "1:0");
    }

    /// <summary>A unit's directory.</summary>
    internal static string DirectoryOf(string unit) => $"/sys/devices/virtual/iommu/{unit}";
}
