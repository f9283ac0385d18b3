using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Host.Paths;
using Ioasis.Linux.Files;

namespace Ioasis.Tests.Host;

public sealed class StatTests
{
    private static readonly PathTree s_tree = new(SamplePaths.Make());

    [Fact]
    public void TheStructsAreLaidOutAsTheCompilerLaysThemOut()
    {
        // offsetof of gcc 12 on x86-64
        Assert.Equal(144, Marshal.SizeOf<LinuxStat>());
        (string, int)[] stat =
        [
            ("Dev", 0), ("Ino", 8), ("Nlink", 16), ("Mode", 24), ("Uid", 28), ("Gid", 32), ("Rdev", 40), ("Size", 48),
            ("BlockSize", 56), ("Blocks", 64),
            ("AccessSeconds", 72), ("AccessNanoseconds", 80), ("ModifySeconds", 88), ("ChangeSeconds", 104),
        ];
        Assert.All(stat, field => Assert.Equal(field.Item2, (int)Marshal.OffsetOf<LinuxStat>(field.Item1)));

        Assert.Equal(256, Marshal.SizeOf<LinuxStatx>());
        (string, int)[] statx =
        [
            ("Mask", 0), ("BlockSize", 4), ("Attributes", 8), ("Nlink", 16), ("Uid", 20), ("Gid", 24), ("Mode", 28),
            ("Ino", 32), ("Size", 40), ("Blocks", 48),
            ("AttributesMask", 56), ("Access", 64), ("Birth", 80), ("Change", 96), ("Modify", 112), ("RdevMajor", 128),
                ("RdevMinor", 132), ("DevMajor", 136),
            ("DevMinor", 140),
        ];
        Assert.All(statx, field => Assert.Equal(field.Item2, (int)Marshal.OffsetOf<LinuxStatx>(field.Item1)));
    }

    [Fact]
    public void TheKernelFillsItIn()
    {
        Assert.Equal(Errno.None, SysFiles.Stat("/dev/null", follow: true, out LinuxStat stat));
        Assert.Equal(StatMode.S_IFCHR, stat.Mode & StatMode.S_IFMT);
        Assert.Equal(StatMode.MakeDev(1, 3), stat.Rdev);
        Assert.Equal(Errno.ENOENT, SysFiles.Stat("/dev/null-and-void", follow: true, out _));
    }

    [Theory]
    [InlineData(10, 124)]
    [InlineData(511, 300)]
    [InlineData(0xfff, 0xfffff)]
    public void ADeviceNumberIsMadeAndTakenApart(uint major, uint minor)
    {
        ulong number = StatMode.MakeDev(major, minor);
        Assert.Equal((major, minor), (StatMode.Major(number), StatMode.Minor(number)));
    }

    [Fact]
    public void ADeviceLooksLikeOne()
    {
        var stats = new NodeStat();
        Assert.True(s_tree.TryFind("/dev/vfio/devices/vfio0", out PathNode? node));
        LinuxStat stat = stats.Of(node);
        Assert.Equal(StatMode.S_IFCHR | 0x180, stat.Mode);
        Assert.Equal(StatMode.MakeDev(511, 300), stat.Rdev);
        Assert.Equal(1UL, stat.Nlink);

        LinuxStatx statx = NodeStat.ToStatx(stat);
        Assert.Equal((511u, 300u), (statx.RdevMajor, statx.RdevMinor));
        Assert.Equal(stat.Ino, statx.Ino);
        Assert.Equal(stat.Mode, statx.Mode);
        Assert.Equal(LinuxStatx.BasicStats, statx.Mask);
    }

    [Fact]
    public void AFileLooksLikeOneOfSysfs()
    {
        var stats = new NodeStat();
        Assert.True(s_tree.TryFind("/sys/devices/pci0000:00/0000:00:05.0/vendor", out PathNode? file));
        Assert.Equal((StatMode.S_IFREG | 0x124, 4096), (stats.Of(file).Mode, stats.Of(file).Size));
        Assert.True(s_tree.TryFind("/sys/devices/pci0000:00/0000:00:05.0/subsystem", out PathNode? link));
        Assert.Equal((StatMode.S_IFLNK | 0x1FF, "../../../bus/pci".Length), (stats.Of(link).Mode, stats.Of(link).Size));
        Assert.NotEqual(stats.Of(file).Ino, stats.Of(link).Ino);
    }

    [Fact]
    public void TimesAreOfNow()
    {
        Assert.True(s_tree.TryFind("/dev/iommu", out PathNode? node));
        LinuxStat stat = new NodeStat().Of(node);
        Assert.InRange(stat.ModifySeconds, DateTimeOffset.UtcNow.ToUnixTimeSeconds() - 60,
            DateTimeOffset.UtcNow.ToUnixTimeSeconds());
        Assert.InRange(stat.ModifyNanoseconds, 0, 999_999_999);
        Assert.Equal(0, stat.Size);
    }
}
