using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Linux.Files;

namespace Ioasis.Linux.Memory;

/// <summary>
/// /proc/PID/pagemap: 64 bits for each page of a process, among them whether the page is present
/// (admin-guide/mm/pagemap).
/// </summary>
internal sealed class PageMap : IDisposable
{
    /// <summary>The most entries that one <see cref="TryRead"/> reads.</summary>
    internal const int MostEntries = 512;

    private const int PageShift = 12, Present = 63;
    private readonly FileDescriptor _file;

    private PageMap(FileDescriptor file) => _file = file;

    /// <summary>Opens a process's pagemap; null if the host does not permit it.</summary>
    /// <param name="process">The directory /proc/PID.</param>
    internal static PageMap? TryOpen(FileDescriptor process) =>
        SysFiles.OpenAt(process, "pagemap", FcntlH.O_RDONLY, out FileDescriptor file) == Errno.None
            ? new PageMap(file)
            : null;

    /// <summary>Whether a page is present. A huge page is present at each of its small pages.</summary>
    internal bool IsPresent(ulong address)
    {
        Span<ulong> entry = stackalloc ulong[1];
        return TryRead(address, entry) && IsPresentIn(entry[0]);
    }

    /// <summary>Reads the entries of consecutive pages; false if not all could be read.</summary>
    internal bool TryRead(ulong address, Span<ulong> entries)
    {
        Span<byte> bytes = MemoryMarshal.AsBytes(entries);
        return SysFiles.ReadAt(_file, bytes, (address >> PageShift) * sizeof(ulong)).Value == bytes.Length;
    }

    /// <summary>Whether an entry says that its page is present.</summary>
    internal static bool IsPresentIn(ulong entry) => entry >> Present != 0;

    public void Dispose() => _file.Dispose();
}
