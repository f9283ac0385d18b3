using System.Runtime.InteropServices;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Ioctls;

/// <summary>
/// A bitmap in a program's memory. Bits are set in ascending order and written a page at a time. Pages without a new
/// bit are neither read nor written.
/// </summary>
internal sealed class UserBitmap(AddressSpace memory, ulong address, ulong firstIova, int pageShift)
{
    private const int WindowBytes = 4096, WindowBits = WindowBytes * 8;
    private readonly ulong[] _window = new ulong[WindowBytes / 8];
    private ulong _start; // first bit of the window
    private bool _any;

    /// <summary>Sets the bits of all pages that overlap a range of addresses.</summary>
    internal void Set(ulong first, ulong last)
    {
        ulong bit = (first - firstIova) >> pageShift, end = (last - firstIova) >> pageShift;
        while (bit <= end)
        {
            ulong start = bit - (bit % WindowBits);
            if (start != _start) Flush();
            _start = start;
            ulong until = Math.Min(end, start + WindowBits - 1);
            for (; bit <= until && bit % 64 != 0; bit++) _window[(bit - start) / 64] |= 1UL << (int)(bit % 64);
            for (; until - bit >= 63 && bit <= until; bit += 64) _window[(bit - start) / 64] = ulong.MaxValue;
            for (; bit <= until; bit++) _window[(bit - start) / 64] |= 1UL << (int)(bit % 64);
            _any = true;
        }
    }

    /// <summary>Writes the bits to the program. Bits are lost where the program has no memory.</summary>
    internal void Flush()
    {
        if (!_any) return;
        Span<byte> ours = MemoryMarshal.AsBytes(_window.AsSpan());

        // Only bytes with a bit: the bitmap may end within the window.
        int from = ours.IndexOfAnyExcept((byte)0), to = ours.LastIndexOfAnyExcept((byte)0) + 1;
        Span<byte> theirs = stackalloc byte[WindowBytes];
        theirs = theirs[from..to];
        var at = new Hva(unchecked(address + (_start / 8) + (uint)from));
        if (memory.TryRead(at, theirs))
        {
            for (int i = 0; i < theirs.Length; i++) theirs[i] |= ours[from + i];
            memory.TryWrite(at, theirs);
        }

        ours.Clear();
        _any = false;
    }
}
