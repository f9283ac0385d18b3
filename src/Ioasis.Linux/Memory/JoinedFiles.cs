using Ioasis.Abi;
using Ioasis.Memory;

namespace Ioasis.Linux.Memory;

/// <summary>
/// Parts of files in memory, mapped into our process one after the other, as a program has them mapped. DPDK has a file
/// for each huge page, and maps hundreds of them for a device at once.
/// </summary>
internal sealed class JoinedFiles : SharedBytes, IDisposable
{
    private readonly nint _reserved;
    private readonly ulong _reservedLength;
    private readonly int[] _guards;
    private int _disposed;

    private JoinedFiles(nint reserved, ulong reservedLength, nint address, ulong length, int[] guards)
        : base(address, length) =>
        (_reserved, _reservedLength, _guards) = (reserved, reservedLength, guards);

    ~JoinedFiles() => Dispose();

    /// <summary>Maps parts of files so that accesses survive the loss of pages; null if that is impossible.</summary>
    /// <param name="start">Address of the first byte in the program, of which the alignment is kept.</param>
    /// <param name="parts">The parts, in order. Their files are held until the result is disposed of.</param>
    internal static JoinedFiles? TryMap(ulong start, IReadOnlyList<FilePart> parts)
    {
        FilePart first = parts[0], last = parts[^1];
        ulong length = 0, alignment = 0; // huge pages keep their alignment
        foreach (FilePart part in parts)
        {
            length += part.Length;
            alignment = Math.Max(alignment, part.File.PageSize);
        }

        ulong before = first.Offset & (first.File.PageSize - 1);
        ulong lastMask = last.File.PageSize - 1, end = last.Offset + last.Length;
        ulong whole = before + length + (((end + lastMask) & ~lastMask) - end);
        if (SysMemory.Reserve(whole + alignment, out nint reserved) != Errno.None) return null;
        nint begin = reserved + (nint)(unchecked(start - before - (ulong)reserved) & (alignment - 1));
        int[] guards = new int[parts.Count];
        int guarded = 0;
        ulong at = (ulong)begin;
        foreach (FilePart part in parts)
        {
            ulong mask = part.File.PageSize - 1;
            ulong offset = part.Offset & ~mask, bytes = ((part.Offset + part.Length + mask) & ~mask) - offset;
            if ((at & mask) != 0 || part.File.MapAt((nint)at, offset, bytes, out int guard) != Errno.None) break;
            guards[guarded++] = guard;
            at += bytes;
        }

        var joined = new JoinedFiles(
            reserved, whole + alignment, begin + (nint)before, length, guards[..guarded]);
        if (guarded == guards.Length && at == (ulong)begin + whole) return joined;
        joined.Dispose();
        return null;
    }

    /// <summary>Unmaps the bytes. Nothing may use them any more.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            foreach (int guard in _guards)
                if (guard >= 0) GuardedViews.Remove(guard);
            SysMemory.Unmap(_reserved, _reservedLength);
        }

        GC.SuppressFinalize(this);
    }
}
