using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Ioctls;
using Ioasis.MockIommu.Abi;
using Ioasis.MockIommu.Devices;

namespace Ioasis.MockIommu.Operations;

/// <summary>What a driver does that lets other devices reach its memory.</summary>
internal static class DmaBufOperations
{
    private const uint CloseOnExec = 0x80000; // O_CLOEXEC
    private const ulong HostPageSize = 4096;
    private const ulong MaxLength = 512 * HostPageSize;

    /// <summary>Every descriptor that we place is closed on exec; another is refused.</summary>
    internal static SysResult Get(IoctlCall call, in IommuTestCmd args)
    {
        ulong length = (args.DmabufGet.Length + HostPageSize - 1) & ~(HostPageSize - 1);
        if (length is 0 or > MaxLength) return Errno.EINVAL;
        if ((args.DmabufGet.OpenFlags & CloseOnExec) == 0) return Errno.EOPNOTSUPP;
        return call.Caller.InstallFile(new AnonymousNode("/dmabuf:", new MockDmaBuf((int)length)));
    }

    internal static Errno Revoke(IoctlCall call, in IommuTestCmd args)
    {
        Errno errno = call.Caller.GetFile(args.DmabufRevoke.DmabufFd, out IOpenFile? file);
        if (errno != Errno.None) return errno;
        if (file is MockDmaBuf buffer)
        {
            buffer.SetRevoked(args.DmabufRevoke.Revoked != 0);
            return Errno.None;
        }

        (file as IDisposable)?.Dispose();
        return file is IDmaBuf ? Errno.EOPNOTSUPP : Errno.EINVAL;
    }
}
