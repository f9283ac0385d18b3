using System.Buffers.Binary;
using Ioasis.Abi;
using Ioasis.Linux.Files;

namespace Ioasis.Linux.Memory;

/// <summary>/proc/PID/pagemap: 64 bits for each page of a process, whether it is present among them (admin-guide/mm/pagemap).</summary>
internal sealed class PageMap : IDisposable
{
    private const int PageShift = 12, Present = 63;
    private readonly FileDescriptor _file;

    private PageMap(FileDescriptor file) => _file = file;

    /// <summary>Opens that of a process; null where the host does not let us.</summary>
    /// <param name="process">The directory /proc/PID.</param>
    internal static PageMap? TryOpen(FileDescriptor process) =>
        SysFiles.OpenAt(process, "pagemap", FcntlH.O_RDONLY, out FileDescriptor file) == Errno.None ? new PageMap(file) : null;

    /// <summary>Whether a page is present; a huge one counts for each of its pages.</summary>
    internal bool IsPresent(ulong address)
    {
        Span<byte> entry = stackalloc byte[sizeof(ulong)];
        SysResult got = SysFiles.ReadAt(_file, entry, (address >> PageShift) * sizeof(ulong));
        return got.Value == entry.Length && BinaryPrimitives.ReadUInt64LittleEndian(entry) >> Present != 0;
    }

    public void Dispose() => _file.Dispose();
}
