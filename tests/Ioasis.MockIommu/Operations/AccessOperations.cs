using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Ioctls;
using Ioasis.Memory;
using Ioasis.MockIommu.Abi;
using Ioasis.MockIommu.Devices;
using static Ioasis.MockIommu.Abi.IommuTestH;

namespace Ioasis.MockIommu.Operations;

/// <summary>What a driver does that reads, writes and pins the memory of an IOAS itself.</summary>
internal static class AccessOperations
{
    private const ulong MaxLength = 16 * 1024 * 1024;

    internal static Errno Create(IoctlCall call, ref IommuTestCmd args)
    {
        uint flags = args.CreateAccess.Flags;
        if ((flags & ~MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES) != 0) return Errno.EOPNOTSUPP;
        var file = new AccessFile(call.Context, (flags & MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES) != 0);
        Errno errno = file.Access.Attach(args.Id);

        // A descriptor cannot be taken back from a program: whether it can be told is tried before.
        if (errno == Errno.None) errno = call.Respond(in args);
        if (errno != Errno.None)
        {
            file.Close();
            return errno;
        }

        SysResult placed = call.Caller.InstallFile(new AnonymousNode("[iommufd_test_staccess]", file));
        if (!placed.IsOk) return placed.Errno;
        args.CreateAccess = new CreateAccessArgs((uint)placed.Value, flags);
        return call.Respond(in args);
    }

    internal static Errno ReplaceIoas(IoctlCall call, in IommuTestCmd args) =>
        TryGet(call, args.Id, out AccessFile? file)
            ? file!.Access.Replace(args.AccessReplaceIoas.IoasId)
            : Errno.EBADFD;

    internal static Errno Pin(IoctlCall call, ref IommuTestCmd args)
    {
        AccessPagesArgs pages = args.AccessPages;
        if (pages.Length > MaxLength) return Errno.ENOMEM;
        if ((pages.Flags & ~MOCK_FLAGS_ACCESS_WRITE) != 0) return Errno.EOPNOTSUPP;
        if (!TryGet(call, args.Id, out AccessFile? file)) return Errno.EBADFD;
        return file!.Pin(call, ref args);
    }

    internal static Errno Unpin(IoctlCall call, in IommuTestCmd args) =>
        TryGet(call, args.Id, out AccessFile? file) ? file!.Unpin(args.DestroyAccessPages.AccessPagesId) : Errno.EBADFD;

    /// <summary>
    /// Linux has a fast and a slow way; MOCK_ACCESS_RW_SLOW_PATH takes the latter. Here there is one.
    /// </summary>
    internal static Errno ReadOrWrite(IoctlCall call, in IommuTestCmd args)
    {
        AccessRwArgs access = args.AccessRw;
        if (access.Length > MaxLength) return Errno.ENOMEM;
        if ((access.Flags & ~(MOCK_ACCESS_RW_WRITE | MOCK_ACCESS_RW_SLOW_PATH)) != 0) return Errno.EOPNOTSUPP;
        if (!TryGet(call, args.Id, out AccessFile? file)) return Errno.EBADFD;
        byte[] bytes = new byte[access.Length];
        if ((access.Flags & MOCK_ACCESS_RW_WRITE) != 0)
            return call.Caller.Memory.TryRead(new Hva(access.Uptr), bytes)
                ? file!.Access.Write(access.Iova, bytes)
                : Errno.EFAULT;
        Errno errno = file!.Access.Read(access.Iova, bytes);
        return errno != Errno.None || call.Caller.Memory.TryWrite(new Hva(access.Uptr), bytes) ? errno : Errno.EFAULT;
    }

    private static bool TryGet(IoctlCall call, uint descriptor, out AccessFile? file)
    {
        call.Caller.GetFile((int)descriptor, out IOpenFile? open);
        file = open as AccessFile;
        if (file is null) (open as IDisposable)?.Dispose();
        return file is not null;
    }
}
