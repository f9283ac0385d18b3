using Ioasis.Abi;
using Ioasis.Linux.Files;
using Ioasis.Linux.Memory;

namespace Ioasis.Tests.Host;

public sealed class FileBackingTests
{
    private static FileDescriptor MakeMemfd(ulong size)
    {
        Assert.Equal(Errno.None,
            SysFiles.CreateMemfd("test", FcntlH.MFD_CLOEXEC | FcntlH.MFD_ALLOW_SEALING, out FileDescriptor file));
        Assert.Equal(Errno.None, SysFiles.Truncate(file, size));
        return file;
    }

    [Fact]
    public void TheFilesBytesAreShared()
    {
        using FileDescriptor file = MakeMemfd(8192);
        var backing = FileBacking.Of(file, 100, 5000, writable: true)!;
        var bytes = new byte[4];
        Assert.False(backing.TryRead(0, bytes)); // not populated yet
        Assert.True(backing.TryPopulate());
        Assert.True(backing.TryPopulate());
        Assert.True(SysFiles.WriteAt(file, "abcd"u8, 100).IsOk);
        Assert.True(backing.TryRead(0, bytes));
        Assert.Equal("abcd"u8.ToArray(), bytes);
        Assert.True(backing.TryWrite(4096, "wxyz"u8));
        Assert.True(SysFiles.ReadAt(file, bytes, 4196).IsOk);
        Assert.Equal("wxyz"u8.ToArray(), bytes);
        Assert.False(backing.TryRead(4997, bytes));
        Assert.True(backing.IsFile);
        Assert.Equal(100UL, backing.AlignmentHint);
        backing.Release();
    }

    [Theory]
    [InlineData(8192, 0, 8192, true)]
    [InlineData(8192, 0, 8193, false)]
    [InlineData(8192, 8192, 1, false)]
    [InlineData(8192, 8191, 1, true)]
    [InlineData(5000, 0, 5000, false)] // the last page must be in the file as a whole
    [InlineData(5000, 0, 4096, true)]
    [InlineData(0, 0, 1, false)]
    [InlineData(8192, ulong.MaxValue, 1, false)]
    public void AllPagesMustLieWithinTheFile(ulong size, ulong start, ulong length, bool expected)
    {
        using FileDescriptor file = MakeMemfd(size);
        var backing = FileBacking.Of(file, start, length, writable: true)!;
        Assert.Equal(expected, backing.TryPopulate());
        backing.Release();
    }

    [Fact]
    public void WhatCannotShrinkIsAccessedDirectly()
    {
        using FileDescriptor file = MakeMemfd(8192);
        Assert.True(SysFiles.Fcntl(file, FcntlH.F_ADD_SEALS, FcntlH.F_SEAL_SHRINK).IsOk);
        var backing = FileBacking.Of(file, 4100, 4, writable: true)!;
        Assert.Equal(0, backing.DirectAddress);
        Assert.True(backing.TryPopulate());
        Assert.Equal(4100 % 4096, backing.DirectAddress % 4096);
        Assert.True(backing.TryWrite(0, "dire"u8));
        var bytes = new byte[4];
        Assert.True(SysFiles.ReadAt(file, bytes, 4100).IsOk);
        Assert.Equal("dire"u8.ToArray(), bytes);
        backing.Release();
    }

    [Fact]
    public void AFileThatIsSealedAgainstWritingCannotBeWritten()
    {
        using FileDescriptor file = MakeMemfd(4096);
        Assert.True(SysFiles.Fcntl(file, FcntlH.F_ADD_SEALS, FcntlH.F_SEAL_WRITE).IsOk);
        var writable = FileBacking.Of(file, 0, 4096, writable: true)!;
        Assert.False(writable.TryPopulate());
        writable.Release();
        var readable = FileBacking.Of(file, 0, 4096, writable: false)!;
        Assert.True(readable.TryPopulate());
        Assert.False(readable.TryWrite(0, "x"u8));
        readable.Release();
    }

    [Fact]
    public void HowTheFileWasOpenedDoesNotMatter()
    {
        using FileDescriptor file = MakeMemfd(4096);
        Assert.Equal(Errno.None,
            SysFiles.Open($"/proc/self/fd/{file.Number}", FcntlH.O_RDONLY, out FileDescriptor readOnly));
        using (readOnly)
        {
            var backing = FileBacking.Of(readOnly, 0, 4096, writable: true)!;
            Assert.True(backing.TryPopulate());
            Assert.True(backing.TryWrite(0, "x"u8));
            backing.Release();
        }
    }

    [Fact]
    public void TheBackingOutlivesTheDescriptor()
    {
        FileDescriptor file = MakeMemfd(4096);
        var backing = FileBacking.Of(file, 0, 4096, writable: true)!;
        file.Dispose();
        Assert.True(backing.TryPopulate());
        Assert.True(backing.TryWrite(0, "x"u8));
        backing.Release();
        Assert.True(file.IsClosed);
    }
}
