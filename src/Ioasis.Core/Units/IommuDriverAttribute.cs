namespace Ioasis.Core.Units;

/// <summary>
/// Gives a kind of unit the name by which a machine's description calls its driver, once its assembly was loaded as a
/// plug-in. The class derives from <see cref="IommuUnit"/>. It has a public constructor that takes the unit's name, and
/// after it its <see cref="UnitProperties"/> if the driver knows any.
/// </summary>
/// <param name="name">Letters, digits and dashes, <c>smmuv3</c>.</param>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class IommuDriverAttribute(string name) : Attribute
{
    /// <summary>The name.</summary>
    public string Name => name;
}
