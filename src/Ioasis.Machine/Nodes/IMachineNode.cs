using Ioasis.Iommufd.Files;

namespace Ioasis.Machine.Nodes;

/// <summary>A node that a plug-in adds to each machine, with what stands in sysfs for it.</summary>
public interface IMachineNode : INode
{
    /// <summary>Further paths of it: directories, attributes, links.</summary>
    IEnumerable<VirtualPath> Paths => [];
}

/// <summary>
/// Adds a node to each machine, once its assembly was loaded as a plug-in. The class implements
/// <see cref="IMachineNode"/> and has a public constructor without parameters; each machine has an instance of its own.
/// </summary>
/// <param name="name">What the plug-in calls it.</param>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class MachineNodeAttribute(string name) : Attribute
{
    /// <summary>The name.</summary>
    public string Name => name;
}
