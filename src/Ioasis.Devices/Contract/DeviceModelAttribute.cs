namespace Ioasis.Devices;

/// <summary>
/// Gives a device model the name by which a machine's description and <c>--device</c> call it, once its assembly was
/// loaded as a plug-in. The class has a public constructor without parameters.
/// </summary>
/// <param name="name">Letters, digits and dashes, <c>doubler</c>.</param>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class DeviceModelAttribute(string name) : Attribute
{
    /// <summary>The name.</summary>
    public string Name => name;
}
