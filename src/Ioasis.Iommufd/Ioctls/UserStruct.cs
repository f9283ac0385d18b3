using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Ioctls;

/// <summary>
/// Copies extensible structures from and to a program. The program's size determines how much of the structure it knows
/// (Linux: copy_struct_from_user). Fields that the program does not know are zero; bytes that we do not know must be
/// zero.
/// </summary>
/// <remarks>
/// Linux checks up to 4 GiB of zeros, on the caller's time. Here that would be everybody's time, so the limit is
/// <see cref="Most"/> bytes.
/// </remarks>
internal static class UserStruct
{
    /// <summary>The longest structure, or room for one, that is checked or filled; E2BIG above it.</summary>
    internal const uint Most = 1 << 20;

    private const int Page = 4096;
    private const int Few = 64;

    /// <summary>Reads a structure that begins with its own size, 32 bits wide.</summary>
    /// <param name="memory">Location of the structure.</param>
    /// <param name="minimum">The smallest valid size.</param>
    /// <param name="value">The structure. If the program's is shorter, the rest is zero.</param>
    /// <param name="userSize">The program's size.</param>
    /// <returns>EFAULT if it cannot be read, EINVAL if it is too short, E2BIG if unknown bytes are not zero.</returns>
    internal static Errno Read<T>(
        in StructMemory memory, uint minimum, out T value, out uint userSize) where T : unmanaged
    {
        value = default;
        userSize = 0;
        Span<byte> bytes = MemoryMarshal.AsBytes(new Span<T>(ref value));

        // One copy suffices for a structure at least as long as ours. If a shorter one ends a mapping, the size alone
        // can still be read.
        bool whole = memory.TryRead(bytes);
        if (!whole && !memory.TryRead(bytes[..sizeof(uint)])) return UserFault.Read(memory.Address, sizeof(uint));
        userSize = MemoryMarshal.Read<uint>(bytes);
        if (userSize < minimum)
            return Errno.EINVAL.Because($"the structure's size is {userSize}; it must be at least {minimum}");
        if (userSize < bytes.Length)
        {
            if (!whole && !memory.TryRead(bytes[..(int)userSize])) return UserFault.Read(memory.Address, userSize);
            bytes[(int)userSize..].Clear();
            return Errno.None;
        }

        if (userSize == bytes.Length) return whole ? Errno.None : UserFault.Read(memory.Address, userSize);
        Errno errno = CheckZero(memory.Space, unchecked(memory.Address + (uint)bytes.Length),
            userSize - (uint)bytes.Length);
        return errno != Errno.None || whole ? errno : UserFault.Read(memory.Address, userSize);
    }

    /// <summary>
    /// Reads a structure whose size is given elsewhere, by the same rules. It may be shorter than ours.
    /// </summary>
    internal static Errno Read<T>(AddressSpace memory, ulong address, uint size, out T value) where T : unmanaged
    {
        value = default;
        Span<byte> bytes = MemoryMarshal.AsBytes(new Span<T>(ref value));
        Errno errno = size > bytes.Length
            ? CheckZero(memory, unchecked(address + (uint)bytes.Length), size - (uint)bytes.Length)
            : Errno.None;
        if (errno != Errno.None) return errno;
        return memory.TryRead(new Hva(address), bytes[..(int)Math.Min(size, (uint)bytes.Length)])
            ? Errno.None
            : UserFault.Read(address, size);
    }

    /// <summary>Reads a value; false if the program's memory is missing.</summary>
    internal static bool TryRead<T>(AddressSpace memory, ulong address, out T value) where T : unmanaged
    {
        value = default;
        return memory.TryRead(new Hva(address), MemoryMarshal.AsBytes(new Span<T>(ref value)));
    }

    /// <summary>Writes a value, or as much of it as the program knows.</summary>
    internal static bool TryWrite<T>(
        AddressSpace memory, ulong address, in T value, uint userSize = uint.MaxValue) where T : unmanaged
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value));
        return memory.TryWrite(new Hva(address), bytes[..(int)Math.Min(userSize, (uint)bytes.Length)]);
    }

    private static Errno CheckZero(AddressSpace memory, ulong address, uint length)
    {
        // Mostly a field or two. The stack buffer is cleared first, so a small one is cheaper.
        Span<byte> buffer = length <= Few ? stackalloc byte[Few] : stackalloc byte[Page];
        for (uint left = Math.Min(length, Most); left > 0;)
        {
            // No read crosses a page: a byte that is not zero counts even if the next page is missing.
            Span<byte> part = buffer[..(int)Math.Min(left, Page - (uint)(address % Page))];
            if (!memory.TryRead(new Hva(address), part)) return UserFault.Read(address, (uint)part.Length);
            if (part.ContainsAnyExcept((byte)0))
                return Errno.E2BIG.Because("a byte of the structure that is not known here is not 0");
            address = unchecked(address + (uint)part.Length);
            left -= (uint)part.Length;
        }

        return length > Most
            ? Errno.E2BIG.Because(
                $"the structure is 0x{length:x} bytes longer than the known one; 0x{Most:x} is the limit")
            : Errno.None;
    }
}
