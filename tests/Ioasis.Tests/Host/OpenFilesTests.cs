using Ioasis.Abi;
using Ioasis.Host.Devices;
using Ioasis.Iommufd.Files;
using Ioasis.Linux.Files;
using Ioasis.Linux.Memory;
using Ioasis.Memory;

namespace Ioasis.Tests.Host;

/// <summary>Carriers and their closing, with the descriptors of a program in our own process.</summary>
public sealed class OpenFilesTests : IDisposable
{
    private readonly OpenFiles _files = new();

    public void Dispose() => _files.Dispose();

    private void Look()
    {
        _files.Look();
        Assert.True(_files.Closer.TryAwaitAll(TimeSpan.FromMinutes(1)));
    }

    private (OpenFile Open, CountingFile File, FileDescriptor Placed) Open(int flags = FcntlH.O_RDWR)
    {
        Assert.Equal(Errno.None, Carrier.TryCreate("test", out Carrier? carrier));
        var file = new CountingFile();
        var open = new OpenFile("/dev/iommu", carrier!, file, flags, opener: 1,
            new SamplePaths.SampleNode("/dev/iommu", 10, 124, 0x1B6));
        Assert.Equal(Errno.None, carrier!.Reopen(flags, out FileDescriptor? placed));
        Assert.Equal(Errno.None, _files.Add(open));
        return (open, file, placed!);
    }

    [Theory]
    [InlineData(FcntlH.O_RDWR)]
    [InlineData(FcntlH.O_RDONLY)]
    [InlineData(FcntlH.O_WRONLY)]
    public void ACloseTakesEffectAtTheNextLook(int flags)
    {
        (_, CountingFile file, FileDescriptor placed) = Open(flags);
        Look();
        Assert.Equal(0, file.Closed);
        placed.Dispose();
        Look();
        Assert.Equal(1, file.Closed);
        Assert.True(_files.IsEmpty);
        Look();
        Assert.Equal(1, file.Closed);
    }

    [Fact]
    public void AnotherOpenOfTheSameCarrierKeepsItOpen()
    {
        (OpenFile open, CountingFile file, FileDescriptor placed) = Open();
        string path = ((Carrier)open.Carrier).OwnPath;
        Assert.Equal(Errno.None, SysFiles.Open(path, FcntlH.O_RDWR, out FileDescriptor other));
        other.Dispose();
        Look();
        Assert.Equal(0, file.Closed);
        Assert.True(_files.HasDoubtful);
        placed.Dispose();
        Look();
        Assert.Equal(1, file.Closed);
        Assert.False(_files.HasDoubtful);
    }

    [Fact]
    public void AFurtherFileKeepsItOpenAndIsTheSame()
    {
        (OpenFile open, CountingFile file, FileDescriptor placed) = Open();
        Assert.Equal(Errno.None, _files.OpenAgain(file, out FileDescriptor? further));
        Assert.Equal(Errno.None, SysFiles.Stat(further!, out LinuxStat stat));
        Assert.Equal(open.Carrier.Inode, stat.Ino);
        placed.Dispose();
        Look();
        Assert.Equal(0, file.Closed);
        further!.Dispose();
        Look();
        Assert.Equal(1, file.Closed);
        Assert.Equal(Errno.EBADF, _files.OpenAgain(file, out _));
    }

    [Fact]
    public void WhereMessagesAreTakenTheKernelTakesNothing()
    {
        Assert.Equal(Errno.None, Carrier.TryCreate("test", out Carrier? carrier, takesMessages: true));
        Assert.Equal(Errno.None, carrier!.Reopen(FcntlH.O_RDWR, out FileDescriptor? placed));
        using (placed)
        {
            Assert.Equal(Errno.EINVAL, SysFiles.Write(placed!, new byte[71]).Errno);
            Assert.Equal(Errno.EINVAL, SysFiles.Write(placed!, new byte[1]).Errno);
            Assert.Equal(SysResult.Ok(0), SysFiles.Write(placed!, []));
            Assert.Equal(Errno.EINVAL, SysFiles.Read(placed!, new byte[1]).Errno);
        }

        carrier.Dispose();
    }

    [Fact]
    public void AMappingKeepsItOpen()
    {
        (_, CountingFile file, FileDescriptor placed) = Open();
        Assert.Equal(Errno.None, MappedFile.TryMap(placed, 1UL << 40, 4096, writable: true, out MappedFile? mapped));
        placed.Dispose();
        Look();
        Assert.Equal(0, file.Closed);
        mapped!.Dispose();
        Look();
        Assert.Equal(1, file.Closed);
    }

    [Fact]
    public void ACallUnderWayDelaysTheClose()
    {
        (OpenFile open, CountingFile file, FileDescriptor placed) = Open();
        Assert.True(_files.TryHold(open.Carrier.Device, open.Carrier.Inode, out OpenFile? held));
        placed.Dispose();
        Look();
        Assert.Equal(0, file.Closed);
        Assert.False(_files.TryHold(open.Carrier.Device, open.Carrier.Inode, out _));
        held.Release();
        Assert.Equal(1, file.Closed);
        Assert.False(held.TryHold());
    }

    [Fact]
    public void TheInodeTellsWhichFileItIs()
    {
        (OpenFile first, _, FileDescriptor placedFirst) = Open();
        (OpenFile second, _, FileDescriptor placedSecond) = Open();
        Assert.Equal(Errno.None, SysFiles.Stat(placedSecond, out LinuxStat stat));
        Assert.True(_files.TryHold(stat.Dev, stat.Ino, out OpenFile? found));
        Assert.Same(second, found);
        found.Release();
        Assert.NotEqual(first.Carrier.Inode, second.Carrier.Inode);
        Assert.True(_files.IsCarrier(stat.Dev, stat.Ino));
        Assert.False(_files.IsCarrier(stat.Dev + 1, stat.Ino));
        var info = new DescriptorInfo(((Carrier)second.Carrier).Mount, stat.Ino);
        Assert.True(_files.TryHold(info, out found));
        Assert.Same(second, found);
        found.Release();
        Assert.False(_files.TryHold(info with { Mount = info.Mount + 1 }, out _));
        Assert.False(_files.TryHold(info with { Inode = ulong.MaxValue }, out _));
        placedFirst.Dispose();
        placedSecond.Dispose();
    }

    [Fact]
    public void TheBytesAreSharedAndCannotBeTakenAway()
    {
        (OpenFile open, _, FileDescriptor placed) = Open();
        SharedBytes bytes = ((Carrier)open.Carrier).Map(1UL << 40, 8192);
        Assert.Same(bytes, ((Carrier)open.Carrier).Map(1UL << 40, 8192));
        Assert.Equal(Errno.None,
            MappedFile.TryMap(placed, (1UL << 40) + 4096, 4096, writable: true, out MappedFile? mapped));
        using (mapped) mapped!.Write(0, (byte)'a');
        Assert.Equal((byte)'a', bytes.Read<byte>(4096));
        foreach (ulong offset in (ulong[])[0, 1UL << 20, 1UL << 40]) // past us nothing is written, and nothing kept
            Assert.Equal(Errno.EPERM, SysFiles.WriteAt(placed, "b"u8, offset).Errno);
        Assert.Equal((byte)0, bytes.Read<byte>(0));
        Assert.Equal(Errno.EPERM, SysFiles.Truncate(placed, 0));
        Assert.Equal(Errno.EPERM, SysFiles.Fcntl(placed, FcntlH.F_ADD_SEALS, FcntlH.F_SEAL_WRITE).Errno);
        Span<byte> one = stackalloc byte[1];
        Assert.Equal(0, SysFiles.Read(placed, one).Value); // nothing at the file position
        placed.Dispose();
    }

    [Fact]
    public void FreedBytesAreZeroForTheNextOwner()
    {
        (OpenFile open, _, FileDescriptor placed) = Open();
        using (placed)
        {
            ((Carrier)open.Carrier).Map(1UL << 40, 8192).Write(4096, 0x1234);
            ((Carrier)open.Carrier).Free(1UL << 40, 8192);
            Span<byte> four = stackalloc byte[4];
            Assert.True(SysFiles.ReadAt(placed, four, (1UL << 40) + 4096).IsOk);
            Assert.Equal(0, BitConverter.ToInt32(four));
            Assert.Equal(0, ((Carrier)open.Carrier).Map((1UL << 40) + 4096, 4096).Read<int>(0));
        }
    }

    [Fact]
    public void WhetherBytesAreMappedIsSeenInTheMapsOfProcesses()
    {
        (OpenFile open, _, FileDescriptor placed) = Open();
        using (placed)
        {
            const ulong At = 1UL << 40;
            Assert.Equal(Errno.None, MappedFile.TryMap(placed, At, 8192, writable: true, out MappedFile? mapped));
            using (mapped)
            {
                Assert.Equal(Errno.None, SysFiles.Open("/proc/self/maps", FcntlH.O_RDONLY, out FileDescriptor file));
                using var maps = new ProcessMaps(file);
                Assert.True(maps.HasFile(open.Carrier.Device, open.Carrier.Inode, At + 4096, 4096));
                Assert.False(maps.HasFile(open.Carrier.Device, open.Carrier.Inode, At + 8192, 4096));
                Assert.False(maps.HasFile(open.Carrier.Device, open.Carrier.Inode, At - 4096, 4096));
                Assert.False(maps.HasFile(open.Carrier.Device, open.Carrier.Inode + 1, At, 4096));
                Assert.False(((Carrier)open.Carrier).IsMapped(At, 8192)); // by ourselves does not count
            }
        }
    }

    [Fact]
    public void AllIsClosedAtTheEnd()
    {
        (_, CountingFile file, FileDescriptor placed) = Open();
        using (placed)
        {
            _files.Dispose();
            Assert.Equal(1, file.Closed);
        }
    }

    private sealed class CountingFile : NodeFile
    {
        public int Closed { get; private set; }

        public override SysResult Ioctl(ICaller caller, uint command, ulong argument) => Errno.ENOTTY;

        public override void Close() => Closed++;
    }
}
