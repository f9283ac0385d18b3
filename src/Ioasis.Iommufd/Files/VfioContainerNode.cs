using Ioasis.Abi;
using Ioasis.Core.Observation;
using Ioasis.Iommufd.Objects;

namespace Ioasis.Iommufd.Files;

/// <summary>
/// /dev/vfio/vfio: the container of VFIO's groups. It is a context like any other (Linux:
/// CONFIG_IOMMUFD_VFIO_CONTAINER), except that, as VFIO's own container, it charges pinned memory to the process and
/// maps device memory.
/// </summary>
/// <param name="observers">The observers of the machine; null for none.</param>
public sealed class VfioContainerNode(Observers? observers = null) : INode
{
    /// <inheritdoc/>
    public string Path => "/dev/vfio/vfio";

    /// <summary>The major number of miscellaneous devices.</summary>
    public uint Major => 10;

    /// <summary>VFIO_MINOR of linux/miscdevice.h.</summary>
    public uint Minor => 196;

    /// <inheritdoc/>
    public uint Mode => 0x1b6; // 0666 in octal

    /// <inheritdoc/>
    public Errno Open(ICarrier carrier, out NodeFile? file)
    {
        file = new IommufdContext(carrier, isVfioContainer: true, observers);
        return Errno.None;
    }
}
