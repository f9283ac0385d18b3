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

    /// <summary>Bytes of its structure; 0 if the argument is a number.</summary>
    internal abstract int Size { get; }

    /// <summary>Its name and its structure.</summary>
    internal abstract IoctlShape Shape { get; }

    /// <summary>Serves a call.</summary>
    internal abstract SysResult Execute(IommufdContext context, ICaller caller, ulong argument);
}

/// <summary>A row whose argument is a number, or unused.</summary>
internal sealed class CompatValueEntry(uint number, string name, Func<IommufdContext, ulong, SysResult> handler)
    : CompatEntry(number, name)
{
    internal override int Size => 0;

    internal override IoctlShape Shape { get; } = new(name);

    internal override SysResult Execute(IommufdContext context, ICaller caller, ulong argument) =>
        handler(context, argument);
}

/// <summary>
/// A row whose argument is a structure that begins with argsz. By VFIO's rule, its first <paramref name="minimumSize"/>
/// bytes are read, and argsz must cover them. Bytes beyond are ignored.
/// </summary>
internal sealed class CompatEntry<T>(uint number, string name, uint minimumSize, CompatEntry<T>.Handler handler)
    : CompatEntry(number, name)
    where T : unmanaged
{
    /// <summary>Does the work and returns the ioctl's result. Fields that were not read are 0.</summary>
    internal delegate Errno Handler(CompatCall call, ref T args);

    internal override int Size => Unsafe.SizeOf<T>();

    internal override IoctlShape Shape { get; } = new(name, typeof(T));

    internal override SysResult Execute(IommufdContext context, ICaller caller, ulong argument)
    {
        T args = default;
        Span<byte> bytes = MemoryMarshal.AsBytes(new Span<T>(ref args));
        if (!caller.Memory.TryRead(new Hva(argument), bytes[..(int)minimumSize]))
            return UserFault.Read(argument, minimumSize);
        if (MemoryMarshal.Read<uint>(bytes) < minimumSize)
            return Errno.EINVAL.Because(
                $"argsz is {MemoryMarshal.Read<uint>(bytes)}; it must be at least {minimumSize}");
        return handler(new CompatCall(context, caller, argument), ref args);
    }
}
