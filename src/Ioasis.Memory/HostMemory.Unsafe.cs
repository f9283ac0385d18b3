using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Ioasis.Memory;

/// <summary>Copies between managed buffers and addresses of our own process that a caller vouches for.</summary>
internal static unsafe class HostMemory
{
    /// <summary>
    /// Copies <c>destination.Length</c> bytes from <paramref name="source"/>. A naturally aligned copy of 1, 2, 4 or 8
    /// bytes is one load, as a device's read of a word is.
    /// </summary>
    /// <param name="source">An address of our own process with that many readable bytes.</param>
    /// <param name="destination">Where to.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(nint source, Span<byte> destination)
    {
        // SAFETY: the caller holds the backing or block that vouches for the bytes at source.
        ref byte to = ref MemoryMarshal.GetReference(destination);
        switch (destination.Length)
        {
            case 8: Unsafe.WriteUnaligned(ref to, *(ulong*)source); break;
            case 4: Unsafe.WriteUnaligned(ref to, *(uint*)source); break;
            case 2: Unsafe.WriteUnaligned(ref to, *(ushort*)source); break;
            case 1: to = *(byte*)source; break;
            case 64: // a cache line, the size of descriptors and completions: cheaper inline than as a call
                Vector256<byte> low = Vector256.Load((byte*)source), high = Vector256.Load((byte*)source + 32);
                low.StoreUnsafe(ref to);
                high.StoreUnsafe(ref to, 32);
                break;
            default: new ReadOnlySpan<byte>((void*)source, destination.Length).CopyTo(destination); break;
        }
    }

    /// <summary>
    /// Asks the processor to bring bytes into its second-level cache, which can wait for more of them at once than the
    /// first level. Does not wait.
    /// </summary>
    public static void Prefetch(ReadOnlySpan<byte> bytes)
    {
        const int Line = 64;
        if (!Sse.IsSupported) return;
        fixed (byte* first = bytes)
        {
            // SAFETY: a prefetch changes nothing, and no address is wrong for it.
            for (byte* at = first, end = first + bytes.Length; at < end; at += Line) Sse.Prefetch1(at);
        }
    }

    /// <summary>As the other one, for a line at any address, also one that is not mapped.</summary>
    public static void Prefetch(nint address)
    {
        // SAFETY: as above.
        if (Sse.IsSupported) Sse.Prefetch0((void*)address);
    }

    /// <summary>Reads a word of 8 bytes in one load with acquire semantics.</summary>
    /// <param name="source">An address of our own process, a multiple of 8, with 8 readable bytes.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong ReadWord(nint source)
    {
        // SAFETY: the caller holds the backing or block that vouches for the bytes at source.
        return Volatile.Read(ref *(ulong*)source);
    }

    /// <summary>Replaces a word of 8 bytes if it has the expected value: one atomic compare-exchange.</summary>
    /// <param name="destination">An address of our own process, a multiple of 8, with 8 writable bytes.</param>
    /// <param name="expected">The value to replace.</param>
    /// <param name="desired">The new value.</param>
    /// <returns>The value found; it was replaced if it equals <paramref name="expected"/>.</returns>
    public static ulong CompareExchangeWord(nint destination, ulong expected, ulong desired)
    {
        // SAFETY: the caller holds the backing or block that vouches for the bytes at destination.
        return Interlocked.CompareExchange(ref *(ulong*)destination, desired, expected);
    }

    /// <summary>
    /// Copies <c>source.Length</c> bytes to <paramref name="destination"/>. A naturally aligned copy of 1, 2, 4 or 8
    /// bytes is one store, as a device's write of a word is.
    /// </summary>
    /// <param name="destination">An address of our own process with that many writable bytes.</param>
    /// <param name="source">Where from.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Write(nint destination, ReadOnlySpan<byte> source)
    {
        // SAFETY: the caller holds the backing or block that vouches for the bytes at destination.
        ref byte from = ref MemoryMarshal.GetReference(source);
        switch (source.Length)
        {
            case 8: *(ulong*)destination = Unsafe.ReadUnaligned<ulong>(ref from); break;
            case 4: *(uint*)destination = Unsafe.ReadUnaligned<uint>(ref from); break;
            case 2: *(ushort*)destination = Unsafe.ReadUnaligned<ushort>(ref from); break;
            case 1: *(byte*)destination = from; break;
            case 64:
                Vector256<byte> low = Vector256.LoadUnsafe(ref from), high = Vector256.LoadUnsafe(ref from, 32);
                low.Store((byte*)destination);
                high.Store((byte*)destination + 32);
                break;
            default: source.CopyTo(new Span<byte>((void*)destination, source.Length)); break;
        }
    }

    /// <summary>Copies bytes from one address of our own process to another. They do not overlap.</summary>
    public static void Copy(nint source, nint destination, nint count)
    {
        // SAFETY: the caller holds what vouches for the bytes at both addresses.
        Buffer.MemoryCopy((void*)source, (void*)destination, count, count);
    }

    /// <summary>Whether bytes of our own process are all 0.</summary>
    public static bool IsZero(nint address, nint count)
    {
        // SAFETY: the caller holds what vouches for the bytes.
        return !new ReadOnlySpan<byte>((void*)address, checked((int)count)).ContainsAnyExcept((byte)0);
    }

    /// <summary>Sets bytes of our own process to 0.</summary>
    public static void Clear(nint address, nint count)
    {
        // SAFETY: the caller holds what vouches for the bytes.
        NativeMemory.Clear((void*)address, (nuint)count);
    }
}
