namespace Ioasis.Devices;

/// <summary>
/// Names a device model for a machine's description and <c>--device</c>, after its assembly is loaded as a plug-in. The
/// class needs a public constructor without parameters.
/// </summary>
/// <param name="name">Letters, digits and dashes, such as <c>doubler</c>.</param>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class DeviceModelAttribute(string name) : Attribute
{
    /// <summary>The name.</summary>
    public string Name => name;
}
