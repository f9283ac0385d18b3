using Ioasis.Core.Units;

namespace Ioasis.Machine.Description;

/// <summary>An IOMMU of a machine.</summary>
/// <param name="Name">As devices name it, <c>dmar0</c>.</param>
/// <param name="Create">Makes the unit, of its name; once for each machine.</param>
public sealed record UnitDescription(string Name, Func<string, IommuUnit> Create)
{
    private const int LongestName = 255; // NAME_MAX

    /// <summary>Whether a name can be that of a folder in sysfs.</summary>
    internal static bool IsName(string name) =>
        name is not ("" or "." or "..") && name.Length <= LongestName && !name.Any(c => c == '/' || char.IsControl(c));

    /// <summary>A unit of the kind that is meant where no driver is named, with that driver's defaults.</summary>
    internal static UnitDescription Default { get; } =
        new("dmar0", name => DriverRegistry.Default.Create(name, UnitProperties.None));
}
