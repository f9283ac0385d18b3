namespace Ioasis.Devices;

/// <summary>
/// Names a parent of mdevs that is no PCI function, for a machine's description and <c>--mdev</c>. The class implements
/// <see cref="IMdevParent"/> and has a public constructor without parameters. The device is
/// /sys/devices/virtual/CLASS/NAME.
/// </summary>
/// <param name="name">Letters, digits and dashes, such as <c>mtty</c>.</param>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class MdevParentAttribute(string name) : Attribute
{
    private readonly string? _class;

    /// <summary>The name.</summary>
    public string Name => name;

    /// <summary>
    /// The class of the device, which is also the driver of its mdevs: the directories of its types begin with it.
    /// Letters, digits and dashes; the device's own name if it is not set.
    /// </summary>
    public string Class
    {
        get => _class ?? name;
        init => _class = value;
    }
}
