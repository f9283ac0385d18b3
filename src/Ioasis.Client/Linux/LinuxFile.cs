using Ioasis.Abi;
using Ioasis.Linux.Files;
using Ioasis.Linux.Memory;

namespace Ioasis.Client.Linux;

/// <summary>A memfd and a shared mapping of it.</summary>
internal sealed class LinuxFile : UserFile
{
    private readonly FileDescriptor _file;

    internal LinuxFile(ulong length)
    {
        Errno errno = SysFiles.CreateMemfd("ioasis-client", FcntlH.MFD_CLOEXEC, out _file);
        UserPages? pages = null;
        if (errno == Errno.None) errno = SysFiles.Truncate(_file, length);
        if (errno == Errno.None)
            errno = UserPages.TryMap(_file, 0, length, SysMemory.PROT_READ | SysMemory.PROT_WRITE,
                SysMemory.MAP_SHARED, out pages);
        if (errno != Errno.None)
        {
            _file.Dispose();
            throw new IommuException(errno, $"creation of a memfd of 0x{length:x} bytes");
        }

        Memory = new UserMemory(pages!, pages!.Dispose);
    }

    public override int Descriptor => _file.Number;

    public override UserMemory Memory { get; }

    protected override void Dispose(bool disposing)
    {
        if (!disposing) return;
        _file.Dispose();
        Memory.Dispose();
    }
}
