using Ioasis.Abi;
using Ioasis.Core.Domains;
using Ioasis.Memory;

namespace Ioasis.Client;

// The messages by which the owner maps its memory for the device: struct vhost_msg_v2, a write(2) each.
public sealed partial class VdpaDevice
{
    private static readonly ulong s_messageLength = SizeOf<VhostMsgV2>();

    /// <summary>Maps all of a piece of memory.</summary>
    /// <param name="iova">The IOVA of its first byte.</param>
    /// <param name="memory">The memory.</param>
    /// <param name="access">The access that the device gets.</param>
    /// <param name="addressSpace">The address space.</param>
    /// <exception cref="IommuException">EFAULT, whatever the reason: not the owner, something mapped there, no such
    /// memory or address space, too much memory locked.</exception>
    public void Map(Iova iova, UserMemory memory, MapAccess access = MapAccess.ReadWrite, int addressSpace = 0)
    {
        ArgumentNullException.ThrowIfNull(memory);
        Map(iova, memory.Address, memory.Length, access, addressSpace);
    }

    /// <summary>Maps memory of the process by its address.</summary>
    /// <param name="iova">The IOVA of the first byte.</param>
    /// <param name="address">Address of the first byte.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="access">The access that the device gets.</param>
    /// <param name="addressSpace">The address space.</param>
    /// <exception cref="IommuException">As in <see cref="Map(Iova, UserMemory, MapAccess, int)"/>; EINVAL if there are
    /// no bytes.</exception>
    public void Map(Iova iova, Hva address, ulong length, MapAccess access, int addressSpace)
    {
        Errno errno = TryMap(iova, address, length, access, addressSpace);
        if (errno != Errno.None)
            throw Refused(errno, $"map of 0x{length:x} bytes at HVA {address} to IOVA {iova} ({access}) in address "
                + $"space {addressSpace}");
    }

    /// <summary>As <see cref="Map(Iova, Hva, ulong, MapAccess, int)"/>, for callers that expect refusals.</summary>
    internal Errno TryMap(Iova iova, Hva address, ulong length, MapAccess access, int addressSpace)
    {
        byte permission = (byte)((access.HasFlag(MapAccess.Read) ? VhostH.VHOST_ACCESS_RO : 0)
            | (access.HasFlag(MapAccess.Write) ? VhostH.VHOST_ACCESS_WO : 0));
        var map = new VhostIotlbMsg
        {
            Iova = iova.Value,
            Size = length,
            Uaddr = address.Value,
            Perm = permission,
            Type = VhostH.VHOST_IOTLB_UPDATE,
        };
        return TrySend(map, addressSpace);
    }

    /// <summary>
    /// Unmaps every mapping that overlaps a range, as a whole. After it returns the device reaches none of them.
    /// </summary>
    /// <param name="iova">The first IOVA.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="addressSpace">The address space, which something was mapped in before.</param>
    /// <exception cref="IommuException">EFAULT.</exception>
    public void Unmap(Iova iova, ulong length, int addressSpace = 0)
    {
        var unmap = new VhostIotlbMsg { Iova = iova.Value, Size = length, Type = VhostH.VHOST_IOTLB_INVALIDATE };
        Errno errno = TrySend(unmap, addressSpace);
        if (errno != Errno.None)
            throw Refused(errno, $"unmap of 0x{length:x} bytes at IOVA {iova} in address space {addressSpace}");
    }

    /// <summary>Unmaps everything of an address space.</summary>
    /// <exception cref="IommuException">EFAULT if nothing was ever mapped in it.</exception>
    public void UnmapAll(int addressSpace = 0) => Unmap(Iova.Zero, 0, addressSpace); // 0 bytes at 0 are all

    /// <summary>
    /// Begins a batch of maps and unmaps of an address space. The device sees all of them at once, at
    /// <see cref="EndBatch"/>.
    /// </summary>
    /// <exception cref="IommuException">EFAULT if another address space has a batch.</exception>
    public void BeginBatch(int addressSpace = 0) =>
        Send(new VhostIotlbMsg { Type = VhostH.VHOST_IOTLB_BATCH_BEGIN }, addressSpace, "begin of a batch");

    /// <summary>Ends a batch.</summary>
    /// <exception cref="IommuException">EFAULT if another address space has a batch.</exception>
    public void EndBatch(int addressSpace = 0) =>
        Send(new VhostIotlbMsg { Type = VhostH.VHOST_IOTLB_BATCH_END }, addressSpace, "end of a batch");

    private void Send(in VhostIotlbMsg message, int addressSpace, string what)
    {
        Errno errno = TrySend(message, addressSpace);
        if (errno != Errno.None) throw Refused(errno, $"{what} in address space {addressSpace}");
    }

    private Errno TrySend(in VhostIotlbMsg message, int addressSpace)
    {
        UserMemory memory = Nodes.Rent((int)s_messageLength);
        memory.Write(0, new VhostMsgV2
        {
            Type = VhostH.VHOST_IOTLB_MSG_V2,
            Asid = (uint)addressSpace,
            Iotlb = message,
        });
        SysResult result = Handle.Write(memory.Address, s_messageLength);
        Nodes.Return(memory);
        return result.Errno;
    }
}
