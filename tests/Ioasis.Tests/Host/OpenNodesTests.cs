using Ioasis.Abi;
using Ioasis.Host.Devices;
using Ioasis.Iommufd.Files;
using Ioasis.Linux.Files;
using Ioasis.Linux.Memory;
using Ioasis.Memory;

namespace Ioasis.Tests.Host;

/// <summary>Carriers and their closing, with the descriptors of a program in our own process.</summary>
public sealed class OpenNodesTests : IDisposable
{
    private readonly OpenNodes _nodes = new();

    public void Dispose() => _nodes.Dispose();

    private void Look()
    {
        _nodes.CloseWhatIsGone();
        Assert.True(_nodes.Closer.TryAwaitAll(TimeSpan.FromMinutes(1)));
    }

    private (OpenNode Open, CountingFile File, FileDescriptor Placed) Open(int flags = FcntlH.O_RDWR)
    {
        Assert.Equal(Errno.None, Carrier.TryCreate("test", out Carrier? carrier));
        var file = new CountingFile();
        var open = new OpenNode(new SamplePaths.SampleNode("/dev/iommu", 10, 124, 0x1B6), carrier!, file,
            flags, opener: 1);
        Assert.Equal(Errno.None, carrier!.Reopen(flags, out FileDescriptor placed));
        Assert.Equal(Errno.None, _nodes.Add(open));
        return (open, file, placed);
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
        Assert.True(_nodes.IsEmpty);
        Look();
        Assert.Equal(1, file.Closed);
    }

    [Fact]
    public void AnotherOpenOfTheSameCarrierKeepsItOpen()
    {
        (OpenNode open, CountingFile file, FileDescriptor placed) = Open();
        Assert.Equal(Errno.None, SysFiles.Open(open.Carrier.OwnPath, FcntlH.O_RDWR, out FileDescriptor other));
        other.Dispose();
        Look();
        Assert.Equal(0, file.Closed);
        Assert.True(_nodes.HasDoubtful);
        placed.Dispose();
        Look();
        Assert.Equal(1, file.Closed);
        Assert.False(_nodes.HasDoubtful);
    }

    [Fact]
    public void AFurtherFileKeepsItOpenAndIsTheSame()
    {
        (OpenNode open, CountingFile file, FileDescriptor placed) = Open();
        Assert.Equal(Errno.None, _nodes.OpenAgain(file, out FileDescriptor? further));
        Assert.Equal(Errno.None, SysFiles.Stat(further!, out LinuxStat stat));
        Assert.Equal(open.Carrier.Inode, stat.Ino);
        placed.Dispose();
        Look();
        Assert.Equal(0, file.Closed);
        further!.Dispose();
        Look();
        Assert.Equal(1, file.Closed);
        Assert.Equal(Errno.EBADF, _nodes.OpenAgain(file, out _));
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
        (OpenNode open, CountingFile file, FileDescriptor placed) = Open();
        Assert.True(_nodes.TryHold(open.Carrier.Device, open.Carrier.Inode, out OpenNode? held));
        placed.Dispose();
        Look();
        Assert.Equal(0, file.Closed);
        Assert.False(_nodes.TryHold(open.Carrier.Device, open.Carrier.Inode, out _));
        held.Release();
        Assert.Equal(1, file.Closed);
        Assert.False(held.TryHold());
    }

    [Fact]
    public void TheInodeTellsWhichFileItIs()
    {
        (OpenNode first, _, FileDescriptor placedFirst) = Open();
        (OpenNode second, _, FileDescriptor placedSecond) = Open();
        Assert.Equal(Errno.None, SysFiles.Stat(placedSecond, out LinuxStat stat));
        Assert.True(_nodes.TryHold(stat.Dev, stat.Ino, out OpenNode? found));
        Assert.Same(second, found);
        found.Release();
        Assert.NotEqual(first.Carrier.Inode, second.Carrier.Inode);
        Assert.True(_nodes.IsCarrier(stat.Dev, stat.Ino));
        Assert.False(_nodes.IsCarrier(stat.Dev + 1, stat.Ino));
        var info = new DescriptorInfo(second.Carrier.Mount, stat.Ino);
        Assert.True(_nodes.TryHold(info, out found));
        Assert.Same(second, found);
        found.Release();
        Assert.False(_nodes.TryHold(info with { Mount = info.Mount + 1 }, out _));
        Assert.False(_nodes.TryHold(info with { Inode = ulong.MaxValue }, out _));
        placedFirst.Dispose();
        placedSecond.Dispose();
    }

    [Fact]
    public void TheBytesAreSharedAndCannotBeTakenAway()
    {
        (OpenNode open, _, FileDescriptor placed) = Open();
        SharedBytes bytes = open.Carrier.Map(1UL << 40, 8192);
        Assert.Same(bytes, open.Carrier.Map(1UL << 40, 8192));
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
        (OpenNode open, _, FileDescriptor placed) = Open();
        using (placed)
        {
            open.Carrier.Map(1UL << 40, 8192).Write(4096, 0x1234);
            open.Carrier.Free(1UL << 40, 8192);
            Span<byte> four = stackalloc byte[4];
            Assert.True(SysFiles.ReadAt(placed, four, (1UL << 40) + 4096).IsOk);
            Assert.Equal(0, BitConverter.ToInt32(four));
            Assert.Equal(0, open.Carrier.Map((1UL << 40) + 4096, 4096).Read<int>(0));
        }
    }

    [Fact]
    public void WhetherBytesAreMappedIsSeenInTheMapsOfProcesses()
    {
        (OpenNode open, _, FileDescriptor placed) = Open();
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
                Assert.False(open.Carrier.IsMapped(At, 8192)); // by ourselves does not count
            }
        }
    }

    [Fact]
    public void AllIsClosedAtTheEnd()
    {
        (_, CountingFile file, FileDescriptor placed) = Open();
        using (placed)
        {
            _nodes.Dispose();
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
