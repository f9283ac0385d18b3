using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Core;
using Ioasis.Core.Units;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Ioctls;

/// <summary>An array of unit-specific structures in the caller's memory.</summary>
internal sealed class CallerDataArray(AddressSpace memory, uint type, ulong address, uint entryLength, int count)
    : UserDataArray
{
    public override uint Type => type;

    public override int Count => count;

    public override IommuStatus TryRead<T>(uint expected, int minimum, int index, out T value)
    {
        value = default;
        if ((uint)index >= (uint)count) return IommuStatus.Invalid;
        return CallerData.TryRead(memory, type, AddressOf(index), entryLength, expected, minimum, out value);
    }

    public override IommuStatus TryReadAll<T>(uint expected, Span<T> values)
    {
        if (type != expected || count == 0)
            return IommuStatus.Invalid.Because($"entries are of type {type}, not {expected}, or there is none");
        if (entryLength == (uint)Unsafe.SizeOf<T>())
            return memory.TryRead(new Hva(address), MemoryMarshal.AsBytes(values[..count]))
                ? IommuStatus.Ok
                : IommuStatus.BadMemory;
        for (int i = 0; i < count; i++)
        {
            Errno errno = UserStruct.Read(memory, AddressOf(i), entryLength, out values[i]);
            if (errno != Errno.None) return errno == Errno.E2BIG ? IommuStatus.TooBig : IommuStatus.BadMemory;
        }

        return IommuStatus.Ok;
    }

    private ulong AddressOf(int index) => unchecked(address + ((ulong)index * entryLength));
}
