using Ioasis.Abi;
using Ioasis.Iommufd;
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
        if (!call.IsRead) return Errno.EFAULT.Because("the argument cannot be read");
        var args = call.Read<VhostVdpaSetIommufd>();
        if (args.Argsz < 16 || args.Flags != 0)
            return Errno.EINVAL.Because(
                $"argsz is {args.Argsz}, and must be at least 16; flags are 0x{args.Flags:x}, and must be 0");
        if (args.Iommufd == VdpaH.NoIommufd) return call.File.Spaces.Unbind();
        if (call.NodeError != Errno.None) return call.NodeError;
        if (call.Node is not IommufdContext context)
            return Errno.EINVAL.Because("the descriptor is not an open /dev/iommu");
        Errno errno = call.File.Spaces.Bind(context, out args.OutDevid);
        return errno == Errno.None ? call.Return(args) : errno;
    }

    internal static Errno Attach(ref VdpaCall call)
    {
        if (!call.IsRead) return Errno.EFAULT.Because("the argument cannot be read");
        var args = call.Read<VdpaDeviceAttachIommufdAs>();
        if (args.Argsz < 16 || args.Flags != 0)
            return Errno.EINVAL.Because(
                $"argsz is {args.Argsz}, and must be at least 16; flags are 0x{args.Flags:x}, and must be 0");
        Errno errno = call.File.Spaces.Attach(args.Asid, ref args.PtId, call.File.Owner!);
        return errno == Errno.None ? call.Return(args) : errno;
    }

    internal static Errno Detach(ref VdpaCall call)
    {
        if (!call.IsRead) return Errno.EFAULT.Because("the argument cannot be read");
        var args = call.Read<VdpaDeviceDetachIommufdAs>();
        return args.Argsz < 12 || args.Flags != 0
            ? Errno.EINVAL.Because(
                $"argsz is {args.Argsz}, and must be at least 12; flags are 0x{args.Flags:x}, and must be 0")
            : call.File.Spaces.Detach(args.Asid);
    }

    internal static Errno AttachSva(ref VdpaCall call)
    {
        if (!call.IsRead) return Errno.EFAULT.Because("the argument cannot be read");
        var args = call.Read<VdpaDeviceAttachSva>();
        if (args.Argsz < 20 || args.Flags != 0)
            return Errno.EINVAL.Because(
                $"argsz is {args.Argsz}, and must be at least 20; flags are 0x{args.Flags:x}, and must be 0");
        if (call.NodeError != Errno.None) return call.NodeError;
        return call.Node is ISvaFile file
            ? call.File.Spaces.Attach(args.Asid, file.Sva, args.Pasid, call.File.Owner!)
            : Errno.EBADFD.Because("the descriptor is not an open /dev/sva");
    }
}
