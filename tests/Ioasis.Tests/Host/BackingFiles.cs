using Ioasis.Abi;
using Ioasis.Linux.Files;
using Ioasis.Linux.Memory;
using Ioasis.Memory;

namespace Ioasis.Tests.Host;

/// <summary>What the tests of files in memory do to backings and files.</summary>
internal static class BackingFiles
{
    /// <summary>This process's own memory, as that of a program.</summary>
    internal static ProcessMemory OpenOwn()
    {
        Assert.Equal(Errno.None,
            SysFiles.Open("/proc/self/fd", FcntlH.O_RDONLY | FcntlH.O_DIRECTORY, out FileDescriptor directory));
        using (directory)
        {
            Assert.Equal(Errno.None,
                ProcessMemory.TryOpen(Environment.ProcessId, directory, "../", null, out ProcessMemory? memory));
            return memory!;
        }
    }

    internal static byte[] Read(MemoryBacking backing, ulong offset, int length)
    {
        byte[] bytes = new byte[length];
        Assert.True(backing.TryRead(offset, bytes));
        return bytes;
    }

    internal static void Write(MemoryBacking backing, ulong offset, ReadOnlySpan<byte> bytes) =>
        Assert.True(backing.TryWrite(offset, bytes));

    internal static byte[] InFile(FileDescriptor file, ulong offset, int length)
    {
        byte[] bytes = new byte[length];
        Assert.Equal(length, SysFiles.ReadAt(file, bytes, offset).Value);
        return bytes;
    }
}
