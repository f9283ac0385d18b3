using System.Runtime.CompilerServices;
using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Ioctls;
using Ioasis.Iommufd.Sva;

namespace Ioasis.Passthrough.Sva;

/// <summary>One call, its structure read.</summary>
internal readonly struct SvaCall(SvaFile file, ICaller caller, ulong argument, uint userSize)
{
    internal SvaFile File => file;

    internal SvaFileContext Sva => file.Sva;

    internal ICaller Caller => caller;

    /// <summary>Writes the structure back, as much of it as the program knows.</summary>
    internal bool TryRespond<T>(in T args) where T : unmanaged =>
        UserStruct.TryWrite(caller.Memory, argument, in args, userSize);
}

/// <summary>An ioctl of /dev/sva.</summary>
internal abstract class SvaIoctl(uint number, string name)
{
    internal uint Number => number;

    /// <summary>Its name in include/ioasis.h.</summary>
    internal string Name => name;

    /// <summary>Its name and its structure.</summary>
    internal abstract IoctlShape Shape { get; }

    internal abstract Errno Execute(SvaFile file, ICaller caller, ulong argument);
}

/// <summary>One whose structure is <typeparamref name="T"/>.</summary>
internal sealed class SvaIoctl<T>(uint number, string name, uint minimumSize, SvaIoctl<T>.Handler handler)
    : SvaIoctl(number, name)
    where T : unmanaged
{
    /// <summary>Does the work.</summary>
    internal delegate Errno Handler(SvaCall call, ref T args);

    internal override IoctlShape Shape { get; } = new(name, typeof(T));

    internal override Errno Execute(SvaFile file, ICaller caller, ulong argument)
    {
        using var memory = new StructMemory(caller.Memory, argument, (uint)Unsafe.SizeOf<T>());
        Errno errno = UserStruct.Read(in memory, minimumSize, out T args, out uint userSize);
        return errno == Errno.None ? handler(new SvaCall(file, caller, argument, userSize), ref args) : errno;
    }
}
