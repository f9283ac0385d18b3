using Ioasis.Abi;
using Ioasis.Iommufd.Objects;

namespace Ioasis.Iommufd.Files;

/// <summary>
/// /dev/vfio/vfio: the container of VFIO's groups, which is a context like any other (Linux:
/// CONFIG_IOMMUFD_VFIO_CONTAINER), but charges pinned memory to the process and maps what is a device's, as VFIO's own
/// does.
/// </summary>
public sealed class VfioContainerNode : INode
{
    /// <inheritdoc/>
    public string Path => "/dev/vfio/vfio";

    /// <summary>That of miscellaneous devices.</summary>
    public uint Major => 10;

    /// <summary>VFIO_MINOR of linux/miscdevice.h.</summary>
    public uint Minor => 196;

    /// <inheritdoc/>
    public uint Mode => 0x1b6; // 0666 in octal

    /// <inheritdoc/>
    public Errno Open(ICarrier carrier, out NodeFile? file)
    {
        file = new IommufdContext(carrier, isVfioContainer: true);
        return Errno.None;
    }
}
