using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Objects;

namespace Ioasis.Iommufd.Ioctls;

/// <summary>One ioctl that is being served: on which context, for whom, and where its structure is.</summary>
public readonly struct IoctlCall
{
    private readonly ulong _argument;
    private readonly uint _userSize;

    internal IoctlCall(IommufdContext context, ICaller caller, ulong argument, uint userSize)
    {
        Context = context;
        Caller = caller;
        _argument = argument;
        _userSize = userSize;
    }

    /// <summary>The open of /dev/iommu, with its objects.</summary>
    public IommufdContext Context { get; }

    /// <summary>Who calls: its memory, its files and its rights.</summary>
    public ICaller Caller { get; }

    /// <summary>Writes the structure back, as much of it as the program knows.</summary>
    /// <returns>EFAULT when it cannot be written.</returns>
    public Errno Respond<T>(in T args) where T : unmanaged =>
        UserStruct.TryWrite(Caller.Memory, _argument, in args, _userSize) ? Errno.None : Errno.EFAULT;

    /// <summary>Writes one field back.</summary>
    internal Errno Respond<T>(int offset, in T field) where T : unmanaged =>
        UserStruct.TryWrite(Caller.Memory, _argument + (uint)offset, in field) ? Errno.None : Errno.EFAULT;
}
