using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Objects;

namespace Ioasis.Iommufd.Ioctls;

/// <summary>One ioctl that is being served: its context, its caller, and its structure.</summary>
public readonly struct IoctlCall
{
    private readonly StructMemory _memory;
    private readonly uint _userSize;

    internal IoctlCall(IommufdContext context, ICaller caller, in StructMemory memory, uint userSize)
    {
        Context = context;
        Caller = caller;
        _memory = memory;
        _userSize = userSize;
    }

    /// <summary>The open /dev/iommu, with its objects.</summary>
    public IommufdContext Context { get; }

    /// <summary>The caller: its memory, files and rights.</summary>
    public ICaller Caller { get; }

    /// <summary>Writes the structure back, as much of it as the program's size covers.</summary>
    /// <returns>EFAULT if it cannot be written.</returns>
    public Errno Respond<T>(in T args) where T : unmanaged
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in args));
        return _memory.TryWrite(0, _userSize < (uint)bytes.Length ? bytes[..(int)_userSize] : bytes)
            ? Errno.None
            : UserFault.Write(_memory.Address, _userSize);
    }

    /// <summary>Writes one field back.</summary>
    internal Errno Respond<T>(int offset, in T field) where T : unmanaged =>
        _memory.TryWrite((uint)offset, MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in field)))
            ? Errno.None
            : UserFault.Write(_memory.Address + (uint)offset, (uint)Unsafe.SizeOf<T>());
}
