using Ioasis.Abi;
using Ioasis.Core.Observation;
using Ioasis.Iommufd.Objects;

namespace Ioasis.Iommufd.Files;

/// <summary>/dev/iommu. Each open makes a context of its own.</summary>
/// <param name="observers">The observers of the machine; null for none.</param>
public sealed class IommuNode(Observers? observers = null) : INode
{
    /// <inheritdoc/>
    public string Path => "/dev/iommu";

    /// <summary>The major number of miscellaneous devices.</summary>
    public uint Major => 10;

    /// <summary>
    /// A fixed number. On Linux it is assigned when the driver is loaded, so programs learn it from the node.
    /// </summary>
    public uint Minor => 124;

    /// <inheritdoc/>
    public uint Mode => 0x1b6; // 0666 in octal: everybody who runs the program may use its IOMMU

    /// <inheritdoc/>
    public Errno Open(ICarrier carrier, out NodeFile? file)
    {
        file = new IommufdContext(carrier, isVfioContainer: false, observers);
        return Errno.None;
    }
}
