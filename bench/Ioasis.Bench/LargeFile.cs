using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Linux.Files;
using Ioasis.Linux.Memory;
using Ioasis.Memory;

namespace Ioasis.Bench;

/// <summary>A program's memfd that has no page: as large as wanted, on a machine with little memory.</summary>
internal sealed class LargeFile : IMemoryFile, IDisposable
{
    private readonly FileDescriptor _file;

    internal LargeFile(ulong length)
    {
        Check(SysFiles.CreateMemfd("bench", FcntlH.MFD_CLOEXEC, out _file));
        Check(SysFiles.Truncate(_file, length));
    }

    public Errno Reference(ulong start, ulong length, bool writable, out MemoryBacking? backing)
    {
        backing = FileBacking.Of(_file, start, length, writable);
        return backing is null ? Errno.EBADF : Errno.None;
    }

    public void Dispose() => _file.Dispose();

    private static void Check(Errno errno)
    {
        if (errno != Errno.None) throw new InvalidOperationException($"A system call failed: {errno}.");
    }
}
