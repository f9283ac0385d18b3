namespace Ioasis.Core.Units;

/// <summary>A kind of unit that machines can have.</summary>
/// <param name="Name">What a machine's description calls it: letters, digits and dashes, <c>smmuv3</c>.</param>
/// <param name="Create">
/// Makes a unit of its name and its properties. It is also called to check properties: making one has no other effect.
/// </param>
public sealed record IommuDriver(string Name, Func<string, UnitProperties, IommuUnit> Create);
