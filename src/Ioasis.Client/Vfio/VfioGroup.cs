using System.Text;
using Ioasis.Abi;
using Ioasis.Memory;

namespace Ioasis.Client;

/// <summary>
/// The open node of an IOMMU group, <c>/dev/vfio/N</c>: the older interface to its devices. It gets a context as its
/// container, and then opens devices that are attached to the context's compatibility IOAS.
/// </summary>
public sealed class VfioGroup : NodeClient
{
    private VfioGroup(NodeTransport nodes, NodeHandle handle) : base(nodes, handle)
    {
    }

    /// <summary>Opens the node of a group by its number below /sys/kernel/iommu_groups.</summary>
    /// <exception cref="IommuException">EBUSY while it is open, or while a device of it is bound through its own
    /// node.</exception>
    public static VfioGroup Open(NodeTransport nodes, int number)
    {
        ArgumentNullException.ThrowIfNull(nodes);
        return new VfioGroup(nodes, nodes.Open($"/dev/vfio/{number}"));
    }

    /// <summary>
    /// Reads whether the group's devices can be opened, and whether it has a container (VFIO_GROUP_GET_STATUS).
    /// </summary>
    /// <exception cref="IommuException">Refused.</exception>
    public VfioGroupStates GetStatus()
    {
        var arguments = new VfioGroupStatus { Argsz = SizeOf<VfioGroupStatus>() };
        SysResult result = TryIoctl(VfioH.VFIO_GROUP_GET_STATUS, ref arguments);
        return result.IsOk
            ? (VfioGroupStates)arguments.Flags
            : throw new IommuException(result, $"status of {Handle.Path}");
    }

    /// <summary>Makes a context the group's container. The context gets a compatibility IOAS if it has none.</summary>
    /// <exception cref="IommuException">EINVAL if there is a container already.</exception>
    public void SetContainer(IommuContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        SysResult result = TrySetContainer(context.Handle.Descriptor);
        if (!result.IsOk)
            throw new IommuException(result, $"setting of {context.Handle.Path} as container of {Handle.Path}");
    }

    /// <summary>Opens a device, bound and attached.</summary>
    /// <param name="requester">The device.</param>
    /// <param name="token">As for <see cref="VfioDevice.Bind"/>.</param>
    /// <exception cref="IommuException">EINVAL without a container, ENODEV if the group has no such device, EBUSY if
    /// another program owns its DMA, EACCES for a wrong token.</exception>
    public VfioDevice OpenDevice(RequesterId requester, Guid? token = null)
    {
        SysResult result = TryOpenDevice(token is null ? $"{requester}" : $"{requester} vf_token={token:D}");
        return result.IsOk
            ? VfioDevice.Adopt(Nodes, (int)result.Value, $"{requester} of {Handle.Path}")
            : throw new IommuException(result, $"opening of {requester} of {Handle.Path}");
    }

    internal SysResult TrySetContainer(int descriptor) => TryIoctl(VfioH.VFIO_GROUP_SET_CONTAINER, ref descriptor);

    internal SysResult TryOpenDevice(string name) =>
        TryIoctl(VfioH.VFIO_GROUP_GET_DEVICE_FD, [.. Encoding.ASCII.GetBytes(name), 0]);
}
