using Ioasis.Units.Vtd;

namespace Ioasis.Machine.Description;

/// <summary>An IOMMU of a machine.</summary>
/// <param name="Name">As devices name it, <c>dmar0</c>.</param>
/// <param name="Features">What a unit with the driver <c>vtd</c> has; others cannot be told anything.</param>
public sealed record UnitDescription(string Name, VtdFeatures Features)
{
    /// <summary>Name of its driver: <c>vtd</c>, or one that a plug-in brought.</summary>
    public string Driver { get; init; } = DriverRegistry.Vtd;
}
