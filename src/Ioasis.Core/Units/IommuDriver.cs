namespace Ioasis.Core.Units;

/// <summary>A kind of unit that machines can have.</summary>
/// <param name="Name">What a machine's description calls it: letters, digits and dashes, <c>smmuv3</c>.</param>
/// <param name="Create">
/// Makes a unit of its name and its properties. It is also called to check properties: making one has no other effect.
/// </param>
public sealed record IommuDriver(string Name, Func<string, UnitProperties, IommuUnit> Create)
{
    /// <summary>
    /// The properties of a unit that is like one of a running Linux, from the attributes of that one in sysfs; null if
    /// it is of another kind. A recording on a real kernel describes a machine with it.
    /// </summary>
    public Func<Func<string, string?>, IReadOnlyDictionary<string, object>?>? DescribeSystem { get; init; }
}
