using Ioasis.Abi;
using Ioasis.Iommufd;

namespace Ioasis.Passthrough.Vdpa.Spaces;

/// <summary>
/// What an address space of a vDPA device is translated by, and what the messages of the IOTLB do to it. The lock of
/// the open file is held during each call.
/// </summary>
internal abstract class VdpaSpace
{
    /// <summary>Whether the program's messages filled it: only then may another kind take its place.</summary>
    internal virtual bool IsEmpty => false;

    /// <summary>Does what an UPDATE says, whose size is not 0.</summary>
    /// <param name="message">The message.</param>
    /// <param name="owner">The owner of the device.</param>
    /// <param name="inBatch">Whether the device sees it only at the end of a batch.</param>
    /// <returns>Any errno, which the program sees as EFAULT; nothing has changed then.</returns>
    internal virtual Errno Update(in VhostIotlbMsg message, VdpaOwner owner, bool inBatch) =>
        Errno.EINVAL.Because("the address space is an iommufd's, which maps in it");

    /// <summary>Does what an INVALIDATE says.</summary>
    /// <inheritdoc cref="Update"/>
    internal virtual Errno Invalidate(in VhostIotlbMsg message, VdpaOwner owner, bool inBatch) =>
        Errno.EINVAL.Because("the address space is an iommufd's, which unmaps in it");

    /// <summary>The device sees what a batch has changed.</summary>
    internal virtual void EndBatch()
    {
    }

    /// <summary>Detaches the device and gives everything back.</summary>
    /// <param name="owner">The owner; null if there never was one.</param>
    internal abstract void Close(VdpaOwner? owner);
}
