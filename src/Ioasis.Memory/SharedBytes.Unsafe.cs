using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Ioasis.Memory;

/// <summary>
/// Bytes of our own process that others (a program, a guest, a device's threads) can read and change at any time. A
/// value is copied once and then checked; a span over the bytes leaves this class only as a loan
/// (<see cref="Borrow"/>). Words are read and written whole.
/// </summary>
public abstract unsafe class SharedBytes
{
    /// <summary>
    /// Describes <paramref name="length"/> bytes at <paramref name="address"/>. They stay there until the object is
    /// freed.
    /// </summary>
    protected SharedBytes(nint address, ulong length)
    {
        Address = address;
        Length = length;
    }

    /// <summary>Address of the bytes in our own process.</summary>
    public nint Address { get; }

    /// <summary>Number of bytes.</summary>
    public ulong Length { get; }

    /// <summary>
    /// Reads a value at a byte offset. A naturally aligned value of up to 8 bytes takes one load with acquire
    /// semantics.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value does not lie within the bytes.</exception>
    public T Read<T>(ulong offset) where T : unmanaged
    {
        Check(offset, (ulong)sizeof(T));
        // SAFETY: Check found the value within [Address, Address + Length), which lives as long as this object.
        byte* at = (byte*)Address + offset;
        if (sizeof(T) == 8 && (nuint)at % 8 == 0)
        {
            ulong v = Volatile.Read(ref *(ulong*)at);
            return Unsafe.BitCast<ulong, T>(v);
        }

        if (sizeof(T) == 4 && (nuint)at % 4 == 0)
        {
            uint v = Volatile.Read(ref *(uint*)at);
            return Unsafe.BitCast<uint, T>(v);
        }

        if (sizeof(T) == 2 && (nuint)at % 2 == 0)
        {
            ushort v = Volatile.Read(ref *(ushort*)at);
            return Unsafe.BitCast<ushort, T>(v);
        }
        return Unsafe.ReadUnaligned<T>(at);
    }

    /// <summary>
    /// Writes a value at a byte offset. A naturally aligned value of up to 8 bytes takes one store with release
    /// semantics.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value does not lie within the bytes.</exception>
    public void Write<T>(ulong offset, T value) where T : unmanaged
    {
        Check(offset, (ulong)sizeof(T));
        // SAFETY: as in Read.
        byte* at = (byte*)Address + offset;
        if (sizeof(T) == 8 && (nuint)at % 8 == 0) Volatile.Write(ref *(ulong*)at, Unsafe.BitCast<T, ulong>(value));
        else if (sizeof(T) == 4 && (nuint)at % 4 == 0) Volatile.Write(ref *(uint*)at, Unsafe.BitCast<T, uint>(value));
        else if (sizeof(T) == 2 && (nuint)at % 2 == 0)
            Volatile.Write(ref *(ushort*)at, Unsafe.BitCast<T, ushort>(value));
        else Unsafe.WriteUnaligned(at, value);
    }

    /// <summary>
    /// Replaces a number if it has the expected value, in one atomic step; false when it has another.
    /// </summary>
    /// <typeparam name="T">A number of 1, 2, 4 or 8 bytes.</typeparam>
    /// <exception cref="ArgumentOutOfRangeException">The number does not lie within the bytes, or is not naturally
    /// aligned.</exception>
    public bool TryReplace<T>(ulong offset, T expected, T value) where T : unmanaged, IEquatable<T>
    {
        Check(offset, (ulong)sizeof(T));
        // SAFETY: as in Read. The exchange needs natural alignment, which the next line checks.
        T* at = (T*)((byte*)Address + offset);
        if ((nuint)at % (nuint)sizeof(T) != 0) ThrowUnaligned(offset);
        return Interlocked.CompareExchange(ref *at, value, expected).Equals(expected);
    }

    /// <summary>Copies bytes out, from <paramref name="offset"/> on.</summary>
    /// <exception cref="ArgumentOutOfRangeException">They do not lie within the bytes.</exception>
    public void CopyTo(ulong offset, Span<byte> destination)
    {
        Check(offset, (ulong)destination.Length);
        HostMemory.Read(Address + (nint)offset, destination);
    }

    /// <summary>Copies bytes in, from <paramref name="offset"/> on.</summary>
    /// <exception cref="ArgumentOutOfRangeException">They do not lie within the bytes.</exception>
    public void CopyFrom(ulong offset, ReadOnlySpan<byte> source)
    {
        Check(offset, (ulong)source.Length);
        HostMemory.Write(Address + (nint)offset, source);
    }

    /// <summary>Sets all bytes to 0.</summary>
    public void Clear()
    {
        // SAFETY: the bytes live as long as this object.
        NativeMemory.Clear((void*)Address, (nuint)Length);
    }

    /// <summary>Lends the bytes as a span.</summary>
    /// <param name="returned">Called once, when the loan is returned. Until then the caller keeps the bytes.</param>
    /// <exception cref="NotSupportedException">There are more bytes than a span can have.</exception>
    public BorrowedBytes Borrow(Action returned)
    {
        if (Length > int.MaxValue) throw new NotSupportedException($"A span cannot have 0x{Length:x} bytes.");
        // SAFETY: the caller keeps the bytes until the loan is returned, and the span ends with the loan's variable.
        return new BorrowedBytes(new Span<byte>((void*)Address, (int)Length), returned);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Check(ulong offset, ulong length)
    {
        if (offset > Length || length > Length - offset) ThrowOutside(offset, length);
    }

    // Those that throw are by themselves, because whoever formats a text clears room for it at each call.
    [DoesNotReturn]
    private static void ThrowUnaligned(ulong offset) =>
        throw new ArgumentOutOfRangeException(nameof(offset), $"0x{offset:x} is not naturally aligned.");

    [DoesNotReturn]
    private void ThrowOutside(ulong offset, ulong length) => throw new ArgumentOutOfRangeException(
        nameof(offset), $"{length} bytes at 0x{offset:x} do not lie within 0x{Length:x} bytes.");
}
