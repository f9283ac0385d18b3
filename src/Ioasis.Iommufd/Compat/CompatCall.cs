using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Ioctls;
using Ioasis.Iommufd.Objects;

namespace Ioasis.Iommufd.Compat;

/// <summary>
/// One ioctl of a container that is being served: its context, its caller, and the address of its structure.
/// </summary>
internal readonly struct CompatCall(IommufdContext context, ICaller caller, ulong argument)
{
    internal IommufdContext Context => context;

    internal ICaller Caller => caller;

    /// <summary>
    /// Writes the structure back: its first <paramref name="size"/> bytes, or all of it if it is shorter.
    /// </summary>
    internal Errno Respond<T>(in T args, uint size = uint.MaxValue) where T : unmanaged => RespondAt(0, in args, size);

    /// <summary>Writes a value at an offset from the structure's start.</summary>
    internal Errno RespondAt<T>(ulong offset, in T value, uint size = uint.MaxValue) where T : unmanaged =>
        UserStruct.TryWrite(caller.Memory, unchecked(argument + offset), in value, size)
            ? Errno.None
            : Errno.EFAULT.Because($"the structure at 0x{argument:x} cannot be written");
}
