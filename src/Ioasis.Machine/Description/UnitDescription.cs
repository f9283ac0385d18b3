using Ioasis.Units.Vtd;

namespace Ioasis.Machine.Description;

/// <summary>An IOMMU of a machine.</summary>
/// <param name="Name">As devices name it, <c>dmar0</c>.</param>
/// <param name="Features">What it has; every unit is an Intel VT-d one.</param>
public sealed record UnitDescription(string Name, VtdFeatures Features);
