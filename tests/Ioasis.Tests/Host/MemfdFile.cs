using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Linux.Files;
using Ioasis.Linux.Memory;
using Ioasis.Memory;

namespace Ioasis.Tests.Host;

/// <summary>A memfd of a program that may do everything with it.</summary>
internal sealed class MemfdFile : IMemoryFile, IDisposable
{
    private readonly FileDescriptor _file;

    internal MemfdFile(ulong length)
    {
        Assert.Equal(Errno.None, SysFiles.CreateMemfd("program", FcntlH.MFD_CLOEXEC, out _file));
        Truncate(length);
        Assert.Equal(Errno.None, SysFiles.Stat(_file, out LinuxStat stat));
        Identity = new FileIdentity(stat.Dev, stat.Ino);
    }

    internal FileIdentity Identity { get; }

    public Errno Reference(ulong start, ulong length, bool writable, out MemoryBacking? backing)
    {
        backing = FileBacking.Of(_file, start, length, writable);
        return Errno.None;
    }

    public IHeldFile? TryHold(ulong start, ulong length, bool writable)
    {
        Assert.Equal(Errno.None, HeldFile.TryHold(_file, writable, null, out HeldFile? held));
        return MappedRun.TryHold(held!, origin: 0, start, length, writable);
    }

    internal void Truncate(ulong length) => Assert.Equal(Errno.None, SysFiles.Truncate(_file, length));

    internal ulong At(ulong offset) => BitConverter.ToUInt64(BackingFiles.InFile(_file, offset, 8));

    public void Dispose() => _file.Dispose();
}
