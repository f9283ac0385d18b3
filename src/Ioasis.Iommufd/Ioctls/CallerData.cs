using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Ioasis.Core;
using Ioasis.Core.Units;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Ioctls;

/// <summary>A unit-specific structure in the caller's memory.</summary>
internal sealed class CallerData(AddressSpace memory, uint type, ulong address, uint length) : UserData
{
    public override uint Type => type;

    /// <summary>The caller's data; null if its length is 0.</summary>
    internal static CallerData? Of(in IoctlCall call, uint type, ulong address, uint length) =>
        length == 0 ? null : new CallerData(call.Caller.Memory, type, address, length);

    public override IommuStatus TryRead<T>(uint expected, int minimum, out T value) =>
        TryRead(memory, type, address, length, expected, minimum, out value);

    public override IommuStatus TryWrite<T>(uint expected, int minimum, in T value)
    {
        if (type != expected || length < (uint)minimum || length > (uint)Unsafe.SizeOf<T>())
            return Unfit<T>(type, length, expected, minimum);
        return UserStruct.TryWrite(memory, address, in value, length) ? IommuStatus.Ok : IommuStatus.BadMemory;
    }

    internal static IommuStatus TryRead<T>(
        AddressSpace memory, uint type, ulong address, uint length, uint expected, int minimum,
        out T value) where T : unmanaged
    {
        value = default;
        if (type != expected || length < (uint)minimum || length > (uint)Unsafe.SizeOf<T>())
            return Unfit<T>(type, length, expected, minimum);
        return memory.TryRead(new Hva(address), MemoryMarshal.AsBytes(new Span<T>(ref value))[..(int)length])
            ? IommuStatus.Ok
            : IommuStatus.BadMemory;
    }

    private static IommuStatus Unfit<T>(uint type, uint length, uint expected, int minimum) where T : unmanaged =>
        IommuStatus.Invalid.Because($"data are of type {type} and have {length} bytes; the IOMMU takes type {expected} "
            + $"of {minimum} to {Unsafe.SizeOf<T>()} bytes");
}
