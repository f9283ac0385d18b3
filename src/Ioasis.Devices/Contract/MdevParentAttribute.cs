namespace Ioasis.Devices;

/// <summary>
/// Names a parent of mdevs that is no PCI function, for a machine's description and <c>--mdev</c>. The class implements
/// <see cref="IMdevParent"/> and has a public constructor without parameters. The device is
/// /sys/devices/virtual/NAME/NAME, of the class NAME.
/// </summary>
/// <param name="name">Letters, digits and dashes, such as <c>mtty</c>.</param>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class MdevParentAttribute(string name) : Attribute
{
    /// <summary>The name.</summary>
    public string Name => name;
}
