using Ioasis.Core.Units;
using Ioasis.Units.Vtd;

namespace Ioasis.Units;

/// <summary>The kinds of unit that are built in: one line for each folder beside this file.</summary>
public static class BuiltInDrivers
{
    /// <summary>All of them. The first is the kind of a unit whose description names no driver.</summary>
    public static IReadOnlyList<IommuDriver> All { get; } =
    [
        new IommuDriver("vtd", static (name, properties) => new VtdUnit(name, VtdFeatures.Of(properties)))
        {
            DescribeSystem = VtdSystem.Describe,
        },
    ];
}
