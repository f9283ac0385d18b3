using Ioasis.Abi;
using Ioasis.Core.Pasids;
using Ioasis.Iommufd.Files;

namespace Ioasis.Passthrough.Sva;

/// <summary>/dev/sva: each open owns PASIDs of its own, of the host's one space.</summary>
/// <param name="space">The PASIDs of the host.</param>
/// <param name="quota">How many a file may have that nobody allowed more.</param>
public sealed class SvaNode(PasidSpace space, int quota) : INode
{
    /// <inheritdoc/>
    public string Path => "/dev/sva";

    /// <summary>That of miscellaneous devices.</summary>
    public uint Major => 10;

    /// <summary>Beside /dev/iommu's; programs learn it from the node.</summary>
    public uint Minor => 123;

    /// <inheritdoc/>
    public uint Mode => 0x1b6; // 0666 in octal, as /dev/iommu has it

    /// <inheritdoc/>
    public Errno Open(ICarrier carrier, out NodeFile? file)
    {
        file = new SvaFile(space, quota, carrier);
        return Errno.None;
    }
}
