using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Objects;

namespace Ioasis.Iommufd.Ioctls;

/// <summary>One ioctl that is being served: on which context, for whom, and where its structure is.</summary>
internal readonly struct IoctlCall(IommufdContext context, ICaller caller, ulong argument, uint userSize)
{
    internal IommufdContext Context => context;

    internal ICaller Caller => caller;

    /// <summary>Writes the structure back, as much of it as the program knows.</summary>
    internal Errno Respond<T>(in T args) where T : unmanaged =>
        UserStruct.TryWrite(caller.Memory, argument, in args, userSize) ? Errno.None : Errno.EFAULT;

    /// <summary>Writes one field back.</summary>
    internal Errno Respond<T>(int offset, in T field) where T : unmanaged =>
        UserStruct.TryWrite(caller.Memory, argument + (uint)offset, in field) ? Errno.None : Errno.EFAULT;
}
