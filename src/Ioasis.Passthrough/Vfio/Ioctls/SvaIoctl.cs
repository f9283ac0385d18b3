using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Sva;

namespace Ioasis.Passthrough.Vfio.Ioctls;

/// <summary>What a device's file has for PASIDs of a /dev/sva (include/ioasis.h).</summary>
internal static class SvaIoctl
{
    internal static SysResult Attach(VfioCall call)
    {
        IoasisVfioAttachSva attach = call.Read<IoasisVfioAttachSva>();
        if (attach.Flags != 0) return Errno.EINVAL;
        if (!call.Caller.TryGetFile(attach.Sva, out IOpenFile? file)) return Errno.EBADF;
        if (SvaContext.FromFile(file) is { } sva) return call.Device.Attach(sva, attach.Pasid);
        (file as IDisposable)?.Dispose();
        return Errno.EBADFD;
    }
}
