using Ioasis.Abi;
using Ioasis.Iommufd.Files;

namespace Ioasis.MockIommu.Devices;

/// <summary>A file without a path that an ioctl gives its caller: it is opened once.</summary>
internal sealed class AnonymousNode(string name, NodeFile opened) : INode
{
    public string Path => name;

    public uint Major => 0;

    public uint Minor => 0;

    public uint Mode => 0x180; // 0600 in octal

    public Errno Open(ICarrier carrier, out NodeFile? file)
    {
        file = opened;
        return Errno.None;
    }
}
