using Ioasis.Abi;
using Ioasis.Host.Paths;
using Ioasis.Linux.Files;

namespace Ioasis.Tests.Host;

/// <summary>
/// Files of ours that say by their name what they stand for, and flags that the kernel refuses whatever the path is.
/// </summary>
public sealed class NamedFilesTests
{
    private const string Path = "/sys/devices/pci0000:00/0000:00:05.0/vendor";

    private readonly NamedFiles _names = new();

    private static string LinkOf(FileDescriptor file) => PathArgument.ReadLink($"/proc/self/fd/{file.Number}")!;

    [Fact]
    public void AnAttributeSaysWhichItIsAndCannotBeChanged()
    {
        Assert.Equal(0ul, _names.Device);
        Assert.Equal(Errno.None, _names.Create(Path, "0x1234\n"u8, 0x124, out FileDescriptor file));
        using (file)
        {
            Assert.True(_names.TryRead(LinkOf(file), out string path, out bool isName));
            Assert.Equal((Path, false), (path, isName));
            Assert.Equal(Errno.None, SysFiles.Stat(file, out LinuxStat stat));
            Assert.Equal((_names.Device, StatMode.S_IFREG | 0x124u), (stat.Dev, stat.Mode));
            Assert.Equal(Errno.EPERM, SysFiles.WriteAt(file, "x"u8, 0).Errno);
            Assert.Equal(Errno.EPERM, SysFiles.Truncate(file, 0));
            Assert.False(new NamedFiles().TryRead(LinkOf(file), out _, out _)); // another supervisor's
        }
    }

    [Fact]
    public void ANameCanBeNeitherReadNorWritten()
    {
        Assert.Equal(Errno.None, _names.CreateName("/dev/a (deleted)\n\xff", out FileDescriptor file));
        using (file)
        {
            Assert.True(_names.TryRead(LinkOf(file), out string path, out bool isName));
            Assert.Equal(("/dev/a (deleted)\n\xff", true), (path, isName));
            Assert.Equal(Errno.EBADF, SysFiles.Read(file, new byte[1]).Errno);
            Assert.Equal(Errno.EBADF, SysFiles.Write(file, new byte[1]).Errno);
        }

        Assert.Equal(Errno.EACCES, _names.CreateName("/" + new string('x', 250), out _));
    }

    [Theory]
    [InlineData("/memfd:vendor (deleted)")]
    [InlineData("/memfd:ioasis-0000000000000000=/dev/iommu (deleted)")]
    [InlineData("/dev/iommu")]
    [InlineData("")]
    public void WhatOthersMakeIsNoneOfThem(string link) => Assert.False(_names.TryRead(link, out _, out _));

    [Theory]
    [InlineData(FcntlH.O_RDWR, 0ul, 0ul, false)]
    [InlineData(FcntlH.O_RDWR | FcntlH.O_CREAT, 0x180ul, 0ul, false)]
    [InlineData(FcntlH.O_RDWR | FcntlH.O_CREAT, 0x1000ul, 0ul, true)]
    [InlineData(FcntlH.O_RDWR, 0x180ul, 0ul, true)]
    [InlineData(1 << 30, 0ul, 0ul, true)]
    [InlineData(FcntlH.O_PATH | FcntlH.O_RDWR, 0ul, 0ul, true)]
    [InlineData(FcntlH.O_CREAT | FcntlH.O_DIRECTORY, 0x180ul, 0ul, true)]
    [InlineData(FcntlH.O_TMPFILE_BIT | FcntlH.O_DIRECTORY, 0x180ul, 0ul, true)]
    [InlineData(FcntlH.O_RDWR, 0ul, PathScope.RESOLVE_CACHED, false)]
    [InlineData(FcntlH.O_RDWR | FcntlH.O_TRUNC, 0ul, PathScope.RESOLVE_CACHED, true)]
    [InlineData(FcntlH.O_RDWR, 0ul, PathScope.RESOLVE_BENEATH | PathScope.RESOLVE_IN_ROOT, true)]
    [InlineData(FcntlH.O_RDWR, 0ul, 0x40ul, true)]
    public void WhatOpenat2RefusesIsLeftToIt(int flags, ulong mode, ulong resolve, bool refused) =>
        Assert.Equal(refused, PathFlags.AreRefused((uint)flags, mode, resolve));

    [Fact]
    public void OpenTakesNoAccountOfWhatItDoesNotKnow()
    {
        Assert.Equal(FcntlH.O_RDWR, PathFlags.ForOpen(FcntlH.O_RDWR | (1 << 30)));
        Assert.Equal(FcntlH.O_PATH | FcntlH.O_CLOEXEC,
            PathFlags.ForOpen(FcntlH.O_PATH | FcntlH.O_RDWR | FcntlH.O_TRUNC | FcntlH.O_CLOEXEC));
    }
}
