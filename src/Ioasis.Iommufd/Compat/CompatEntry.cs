using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Compat;

/// <summary>A row of the table of a container's ioctls.</summary>
internal abstract class CompatEntry(uint number, string name)
{
    /// <summary>The request number.</summary>
    internal uint Number => number;

    /// <summary>Its name in linux/vfio.h.</summary>
    internal string Name => name;

    /// <summary>Bytes of its structure; 0 when the argument is a number.</summary>
    internal abstract int Size { get; }

    /// <summary>Serves a call.</summary>
    internal abstract SysResult Execute(IommufdContext context, ICaller caller, ulong argument);
}

/// <summary>A row whose argument is a number, or nothing.</summary>
internal sealed class CompatValueEntry(uint number, string name, Func<IommufdContext, ulong, SysResult> handler)
    : CompatEntry(number, name)
{
    internal override int Size => 0;

    internal override SysResult Execute(IommufdContext context, ICaller caller, ulong argument) =>
        handler(context, argument);
}

/// <summary>
/// A row whose argument is a structure that begins with argsz. By VFIO's rule its first <paramref name="minimumSize"/>
/// bytes are read and argsz must reach as far; nobody looks at what lies beyond.
/// </summary>
internal sealed class CompatEntry<T>(uint number, string name, uint minimumSize, CompatEntry<T>.Handler handler)
    : CompatEntry(number, name)
    where T : unmanaged
{
    /// <summary>Does the work; what it returns is the ioctl's result. What is not read of the structure is 0.</summary>
    internal delegate Errno Handler(CompatCall call, ref T args);

    internal override int Size => Unsafe.SizeOf<T>();

    internal override SysResult Execute(IommufdContext context, ICaller caller, ulong argument)
    {
        T args = default;
        Span<byte> bytes = MemoryMarshal.AsBytes(new Span<T>(ref args));
        if (!caller.Memory.TryRead(new Hva(argument), bytes[..(int)minimumSize])) return Errno.EFAULT;
        if (MemoryMarshal.Read<uint>(bytes) < minimumSize) return Errno.EINVAL;
        return handler(new CompatCall(context, caller, argument), ref args);
    }
}
