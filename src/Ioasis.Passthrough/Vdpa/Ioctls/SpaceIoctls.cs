using Ioasis.Abi;
using Ioasis.Iommufd.Objects;
using Ioasis.Iommufd.Sva;

namespace Ioasis.Passthrough.Vdpa.Ioctls;

/// <summary>
/// Attaches address spaces to page tables that are no vhost IOTLB (include/ioasis.h): the common interface of VFIO,
/// mdev and vDPA devices.
/// </summary>
internal static class SpaceIoctls
{
    internal static Errno SetIommuFd(ref VdpaCall call)
    {
        if (!call.IsRead) return Errno.EFAULT;
        var args = call.Read<VhostVdpaSetIommufd>();
        if (args.Argsz < 16 || args.Flags != 0) return Errno.EINVAL;
        if (args.Iommufd == VdpaH.NoIommufd) return call.File.Spaces.Unbind();
        if (call.NodeError != Errno.None) return call.NodeError;
        if (call.Node is not IommufdContext context) return Errno.EINVAL;
        Errno errno = call.File.Spaces.Bind(context, out args.OutDevid);
        return errno == Errno.None ? call.Return(args) : errno;
    }

    internal static Errno Attach(ref VdpaCall call)
    {
        if (!call.IsRead) return Errno.EFAULT;
        var args = call.Read<VdpaDeviceAttachIommufdAs>();
        if (args.Argsz < 16 || args.Flags != 0) return Errno.EINVAL;
        Errno errno = call.File.Spaces.Attach(args.Asid, ref args.PtId, call.File.Owner!);
        return errno == Errno.None ? call.Return(args) : errno;
    }

    internal static Errno Detach(ref VdpaCall call)
    {
        if (!call.IsRead) return Errno.EFAULT;
        var args = call.Read<VdpaDeviceDetachIommufdAs>();
        return args.Argsz < 12 || args.Flags != 0 ? Errno.EINVAL : call.File.Spaces.Detach(args.Asid);
    }

    internal static Errno AttachSva(ref VdpaCall call)
    {
        if (!call.IsRead) return Errno.EFAULT;
        var args = call.Read<VdpaDeviceAttachSva>();
        if (args.Argsz < 20 || args.Flags != 0) return Errno.EINVAL;
        if (call.NodeError != Errno.None) return call.NodeError;
        return call.Node is ISvaFile file
            ? call.File.Spaces.Attach(args.Asid, file.Sva, args.Pasid, call.File.Owner!)
            : Errno.EBADFD;
    }
}
