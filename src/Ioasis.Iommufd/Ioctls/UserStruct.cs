using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Ioctls;

/// <summary>
/// Copies extensible structures from and to a program: the size it gives decides how much of the structure it knows
/// (Linux: copy_struct_from_user). What it does not know is zero; what we do not know must be zero.
/// </summary>
/// <remarks>
/// Linux looks through 4 GiB of zeros, on the caller's time. Here they would be looked through on everybody's:
/// <see cref="Most"/> bytes are enough.
/// </remarks>
internal static class UserStruct
{
    /// <summary>The longest structure, or room for one, that is looked through or filled; E2BIG above.</summary>
    internal const uint Most = 1 << 20;

    private const int Page = 4096;
    private const int Few = 64;

    /// <summary>Reads a structure that begins with its own size, 32 bits wide.</summary>
    /// <param name="memory">Where the structure is.</param>
    /// <param name="minimum">The smallest size that makes sense.</param>
    /// <param name="value">The structure, zero where the program's is shorter.</param>
    /// <param name="userSize">The size the program gave.</param>
    /// <returns>EFAULT when it cannot be read, EINVAL when it is too short, E2BIG when there is something in it that we
    /// do not know.</returns>
    internal static Errno Read<T>(
        in StructMemory memory, uint minimum, out T value, out uint userSize) where T : unmanaged
    {
        value = default;
        userSize = 0;
        Span<byte> bytes = MemoryMarshal.AsBytes(new Span<T>(ref value));

        // One copy is enough for all that pass a structure as long as ours; the size alone can be read where a shorter
        // one ends a mapping.
        bool whole = memory.TryRead(bytes);
        if (!whole && !memory.TryRead(bytes[..sizeof(uint)])) return Errno.EFAULT;
        userSize = MemoryMarshal.Read<uint>(bytes);
        if (userSize < minimum) return Errno.EINVAL;
        if (userSize < bytes.Length)
        {
            if (!whole && !memory.TryRead(bytes[..(int)userSize])) return Errno.EFAULT;
            bytes[(int)userSize..].Clear();
            return Errno.None;
        }

        if (userSize == bytes.Length) return whole ? Errno.None : Errno.EFAULT;
        Errno errno = CheckZero(memory.Space, unchecked(memory.Address + (uint)bytes.Length),
            userSize - (uint)bytes.Length);
        return errno != Errno.None || whole ? errno : Errno.EFAULT;
    }

    /// <summary>
    /// Reads a structure whose size is given elsewhere, by the same rules; shorter than known it may be.
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
            : Errno.EFAULT;
    }

    /// <summary>Reads a value; false when the program's memory is not there.</summary>
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
        // Mostly it is a field or two, and what is on the stack is cleared first.
        Span<byte> buffer = length <= Few ? stackalloc byte[Few] : stackalloc byte[Page];
        for (uint left = Math.Min(length, Most); left > 0;)
        {
            // Never beyond a page in one read: a byte that is not zero counts even where the next page is not there.
            Span<byte> part = buffer[..(int)Math.Min(left, Page - (uint)(address % Page))];
            if (!memory.TryRead(new Hva(address), part)) return Errno.EFAULT;
            if (part.ContainsAnyExcept((byte)0)) return Errno.E2BIG;
            address = unchecked(address + (uint)part.Length);
            left -= (uint)part.Length;
        }

        return length > Most ? Errno.E2BIG : Errno.None;
    }
}
