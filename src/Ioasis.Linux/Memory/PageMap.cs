using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Linux.Files;

namespace Ioasis.Linux.Memory;

/// <summary>
/// /proc/PID/pagemap: 64 bits for each page of a process, whether it is present among them (admin-guide/mm/pagemap).
/// </summary>
internal sealed class PageMap : IDisposable
{
    /// <summary>The most entries that <see cref="TryRead"/> can be asked for.</summary>
    internal const int MostEntries = 512;

    private const int PageShift = 12, Present = 63;
    private readonly FileDescriptor _file;

    private PageMap(FileDescriptor file) => _file = file;

    /// <summary>Opens that of a process; null where the host does not let us.</summary>
    /// <param name="process">The directory /proc/PID.</param>
    internal static PageMap? TryOpen(FileDescriptor process) =>
        SysFiles.OpenAt(process, "pagemap", FcntlH.O_RDONLY, out FileDescriptor file) == Errno.None
            ? new PageMap(file)
            : null;

    /// <summary>Whether a page is present; a huge one counts for each of its pages.</summary>
    internal bool IsPresent(ulong address)
    {
        Span<ulong> entry = stackalloc ulong[1];
        return TryRead(address, entry) && IsPresentIn(entry[0]);
    }

    /// <summary>Reads the entries of pages that follow one another; false where not all could be.</summary>
    internal bool TryRead(ulong address, Span<ulong> entries)
    {
        Span<byte> bytes = MemoryMarshal.AsBytes(entries);
        return SysFiles.ReadAt(_file, bytes, (address >> PageShift) * sizeof(ulong)).Value == bytes.Length;
    }

    /// <summary>Whether an entry is that of a page that is present.</summary>
    internal static bool IsPresentIn(ulong entry) => entry >> Present != 0;

    public void Dispose() => _file.Dispose();
}
