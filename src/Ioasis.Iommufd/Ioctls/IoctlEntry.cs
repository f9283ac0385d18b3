using System.Runtime.CompilerServices;
using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Objects;

namespace Ioasis.Iommufd.Ioctls;

/// <summary>A row of the ioctl table.</summary>
internal abstract class IoctlEntry(uint number, string name, uint minimumSize)
{
    /// <summary>The request number.</summary>
    internal uint Number => number;

    /// <summary>Its name in linux/iommufd.h.</summary>
    internal string Name => name;

    /// <summary>Bytes of its structure.</summary>
    internal abstract int Size { get; }

    /// <summary>Its name and its structure.</summary>
    internal abstract IoctlShape Shape { get; }

    /// <summary>The smallest size that a program may pass.</summary>
    internal uint MinimumSize => minimumSize;

    /// <summary>Reads the structure by the common rules and runs the handler.</summary>
    internal abstract SysResult Execute(IommufdContext context, ICaller caller, ulong argument);
}

/// <summary>A row whose structure is <typeparamref name="T"/>.</summary>
internal sealed class IoctlEntry<T>(uint number, string name, uint minimumSize, IoctlEntry<T>.Handler handler)
    : IoctlEntry(number, name, minimumSize)
    where T : unmanaged
{
    /// <summary>Does the work and returns the ioctl's result.</summary>
    internal delegate Errno Handler(in IoctlCall call, ref T args);

    internal override int Size => Unsafe.SizeOf<T>();

    internal override IoctlShape Shape { get; } = new(name, typeof(T));

    internal override SysResult Execute(IommufdContext context, ICaller caller, ulong argument)
    {
        using var memory = new StructMemory(caller.Memory, argument, (uint)Unsafe.SizeOf<T>());
        Errno errno = UserStruct.Read(in memory, MinimumSize, out T args, out uint userSize);
        return errno == Errno.None ? handler(new IoctlCall(context, caller, in memory, userSize), ref args) : errno;
    }
}

/// <summary>A row from a plug-in.</summary>
internal sealed class PluginEntry<T>(IommufdIoctlAttribute attribute, IommufdIoctl<T> ioctl)
    : IoctlEntry(attribute.Number, attribute.Name, attribute.MinimumSize)
    where T : unmanaged
{
    internal override int Size => Unsafe.SizeOf<T>();

    internal override IoctlShape Shape { get; } = new(attribute.Name, typeof(T));

    internal override SysResult Execute(IommufdContext context, ICaller caller, ulong argument)
    {
        using var memory = new StructMemory(caller.Memory, argument, (uint)Unsafe.SizeOf<T>());
        Errno errno = UserStruct.Read(in memory, MinimumSize, out T args, out uint userSize);
        return errno == Errno.None
            ? ioctl.Execute(new IoctlCall(context, caller, in memory, userSize), ref args)
            : errno;
    }
}
