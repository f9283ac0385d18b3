using Ioasis.Iommufd.Files;
using Ioasis.Linux.Files;
using Ioasis.Linux.Memory;
using Ioasis.Memory;

namespace Ioasis.Host.Callers;

/// <summary>A memfd of a caller, or a file on tmpfs or hugetlbfs.</summary>
internal sealed class MemoryFile(FileDescriptor file) : IMemoryFile, IDisposable
{
    /// <inheritdoc/>
    public MemoryBacking Reference(ulong start, ulong length, bool writable) => new FileBacking(file, start, length, writable);

    public void Dispose() => file.Dispose();
}
