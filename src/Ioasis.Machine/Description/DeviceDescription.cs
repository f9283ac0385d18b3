using Ioasis.Memory;

namespace Ioasis.Machine.Description;

/// <summary>A device of a machine.</summary>
/// <param name="Model">Name of its model, <c>edu</c>.</param>
/// <param name="Address">Where it sits.</param>
/// <param name="Unit">The unit that translates for it.</param>
/// <param name="Group">Its IOMMU group; null for one of its own.</param>
/// <param name="Properties">What its model can be told, by name.</param>
public sealed record DeviceDescription(
    string Model, RequesterId Address, string Unit, int? Group, IReadOnlyDictionary<string, string> Properties);
