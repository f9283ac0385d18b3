using Ioasis.Abi;
using Ioasis.Linux.Files;
using Ioasis.Linux.Memory;

namespace Ioasis.Tests.Host;

/// <summary>However much of a file is mapped, it takes one descriptor.</summary>
public sealed class HeldFileTests
{
    private const ulong Page = 4096;

    private static FileDescriptor MakeMemfd(ulong size)
    {
        Assert.Equal(Errno.None,
            SysFiles.CreateMemfd("held", FcntlH.MFD_CLOEXEC | FcntlH.MFD_ALLOW_SEALING, out FileDescriptor file));
        Assert.Equal(Errno.None, SysFiles.Truncate(file, size));
        return file;
    }

    [Fact]
    public void AFileIsHeldOnceAndClosedByTheLast()
    {
        FileDescriptor file = MakeMemfd(Page);
        var share = new Ioasis.Linux.Memory.FileShare();
        Assert.Equal(Errno.None, HeldFile.TryHold(file, writable: true, share, out HeldFile? held));
        file.Dispose();
        Assert.False(file.IsClosed);
        Assert.Same(held, HeldFile.TryHold(held!.Identity, writable: true));
        Assert.Null(HeldFile.TryHold(held.Identity, writable: false));
        Assert.Equal(1, share.Held);
        held.Release();
        Assert.False(file.IsClosed);
        held.Release();
        Assert.True(file.IsClosed);
        Assert.Equal(0, share.Held);
        Assert.Null(HeldFile.TryHold(held.Identity, writable: true));
    }

    [Fact]
    public void AProcessHasItsShareOfFiles()
    {
        var share = new Ioasis.Linux.Memory.FileShare();
        List<(FileDescriptor File, HeldFile Held)> held = [];
        while (true)
        {
            FileDescriptor file = MakeMemfd(Page);
            Errno errno = HeldFile.TryHold(file, writable: false, share, out HeldFile? one);
            file.Dispose();
            if (errno == Errno.None)
            {
                held.Add((file, one!));
                continue;
            }

            Assert.Equal(Errno.EMFILE, errno);
            Assert.True(file.IsClosed);
            break;
        }

        Assert.Equal(share.Held, held.Count);
        held[0].Held.Release(); // which makes room
        using (FileDescriptor again = MakeMemfd(Page))
        {
            Assert.Equal(Errno.None, HeldFile.TryHold(again, writable: false, share, out HeldFile? one));
            one!.Release();
        }

        foreach ((_, HeldFile one) in held.Skip(1)) one.Release();
        Assert.Equal(0, share.Held);
    }

    [Fact]
    public void PagesThatAreMappedOneByOneTakeNeitherDescriptorsNorMappings()
    {
        const int Count = 4096;
        using FileDescriptor file = MakeMemfd(Count * Page);
        List<FileBacking> backings = [];
        int Mappings() =>
            File.ReadLines("/proc/self/maps").Count(line => line.Contains("memfd:held", StringComparison.Ordinal));
        for (ulong page = 0; page < Count; page++)
        {
            var backing = FileBacking.Of(file, page * Page, Page, writable: true)!;
            Assert.True(backing.TryPopulate());
            backings.Add(backing);
        }

        Assert.Equal(1, Mappings());
        Assert.True(backings[^1].TryWrite(0, "last"u8));
        var bytes = new byte[4];
        Assert.True(SysFiles.ReadAt(file, bytes, (Count - 1) * Page).IsOk);
        Assert.Equal("last"u8.ToArray(), bytes);
        foreach (FileBacking backing in backings) backing.Release();
        Assert.Equal(0, Mappings());
    }

    [Fact]
    public void AFileThatGrowsIsMappedAsFarAsItReaches()
    {
        using FileDescriptor file = MakeMemfd(Page);
        var backing = FileBacking.Of(file, 0, 4 * Page, writable: true)!;
        Assert.False(backing.TryPopulate());
        Assert.True(backing.TryPopulate(0, Page));
        Assert.False(backing.TryWrite(Page, "x"u8)); // beyond the end: no SIGBUS
        Assert.Equal(Errno.None, SysFiles.Truncate(file, 1 << 24));
        Assert.True(backing.TryPopulate());
        Assert.True(backing.TryWrite(3 * Page, "x"u8));
        var high = FileBacking.Of(file, (1 << 24) - Page, Page, writable: true)!;
        Assert.True(high.TryPopulate());
        Assert.True(high.TryWrite(0, "y"u8));
        Assert.True(backing.TryWrite(0, "z"u8)); // what was given out before stays
        high.Release();
        backing.Release();
    }

    [Theory]
    [InlineData("25 1 0:23 / /dev/shm rw,nosuid - tmpfs tmpfs rw", "0:23", "tmpfs")]
    [InlineData("30 1 254:1 / / rw shared:1 - ext4 /dev/vda1 rw\n31 30 0:5 / /proc rw - proc proc rw", "254:1", "ext4")]
    [InlineData("30 1 254:1 / / rw shared:1 - ext4 /dev/vda1 rw", "0:1", null)]
    [InlineData("nonsense\n- -\n", "0:1", null)]
    public void TheFileSystemIsFoundAmongTheMounts(string text, string device, string? type) =>
        Assert.Equal(type, FileSystems.TypeIn(text, device));
}
