using Ioasis.Abi;
using Ioasis.Iommufd;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Sva;

namespace Ioasis.Passthrough.Vfio.Ioctls;

/// <summary>What a device's file has for PASIDs of a /dev/sva (include/ioasis.h).</summary>
internal static class SvaIoctl
{
    internal static SysResult Attach(VfioCall call)
    {
        IoasisVfioAttachSva attach = call.Read<IoasisVfioAttachSva>();
        if (attach.Flags != 0) return Errno.EINVAL.Because($"flags are 0x{attach.Flags:x}; they must be 0");
        Errno errno = call.Caller.TryGet(attach.Sva, out ISvaFile? file);
        return errno == Errno.None ? call.Device.Attach(SvaFileContext.FromFile(file!)!, attach.Pasid) : errno;
    }
}
