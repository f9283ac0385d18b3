using Ioasis.Abi;
using Ioasis.Devices.Blocks;
using Ioasis.Linux.Files;
using Ioasis.Machine;

namespace Ioasis.Tests.Devices.Blocks;

/// <summary>Blocks in a file.</summary>
public sealed class FileBlockStoreTests : IDisposable
{
    private const int Size = 1 << 20;
    private readonly string _path = Path.GetTempFileName();

    public void Dispose() => File.Delete(_path);

    [Theory]
    [InlineData(0, Size)]
    [InlineData(4096, Size - 8192)]
    [InlineData(100, 1)]
    public void EraseLeavesZerosAndNothingElseChanges(int offset, int count)
    {
        var written = new byte[Size];
        Array.Fill(written, (byte)0x5a);
        File.WriteAllBytes(_path, written);
        using (var store = new FileBlockStore(_path, null, readOnly: false)) store.Erase(offset, count);
        written.AsSpan(offset, count).Clear();
        Assert.Equal(written, File.ReadAllBytes(_path));
    }

    /// <summary>The file is in memory, where each file system can make holes.</summary>
    [Fact]
    public void WhatIsDeallocatedIsAHoleOfTheFile()
    {
        const int SEEK_DATA = 3, SEEK_HOLE = 4;
        SoftwareMachine.UseHoles(SysFiles.TryPunchHole);
        Assert.Equal(Errno.None, SysFiles.CreateMemfd("blocks", 0, out FileDescriptor file));
        using (file)
        {
            using var store = new FileBlockStore($"/proc/self/fd/{file.Number}", Size, readOnly: false);
            var written = new byte[Size];
            Array.Fill(written, (byte)0x5a);
            store.Write(0, written);
            Assert.True(store.TryDeallocate(4096, 8192));
            Assert.True(store.TryDeallocate(0, 0));
            Assert.Equal(4096, SysFiles.Seek(file, 0, SEEK_HOLE).Value);
            Assert.Equal(4096 + 8192, SysFiles.Seek(file, 4096, SEEK_DATA).Value);
            written.AsSpan(4096, 8192).Clear();
            var read = new byte[Size];
            store.Read(0, read);
            Assert.Equal(written, read);
        }
    }
}
