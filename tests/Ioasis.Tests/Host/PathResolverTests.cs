using Ioasis.Abi;
using Ioasis.Host.Paths;

namespace Ioasis.Tests.Host;

public sealed class PathResolverTests
{
    private const string Device = "/sys/devices/pci0000:00/0000:00:05.0";

    private static readonly PathTree s_tree = new(SamplePaths.Make());

    // A host with two links, of which one leads out of where it stands.
    private static string? Canonical(string path) => path switch
    {
        "/dev/char" => "/dev/char",
        "/sys/class/net/lo" => "/sys/devices/virtual/net/lo",
        "/sys/devices/virtual/net" or "/sys/devices/virtual" => path,
        "/home/user/link" => "/srv/data",
        "/home/user" => "/home/user",
        "/home" => "/home",
        _ => null,
    };

    private static Resolution Resolve(string path, string? start = null, bool detour = false, bool follow = true) =>
        PathResolver.Resolve(s_tree, path, start, detour, follow, Canonical);

    [Theory]
    [InlineData("/dev/iommu", "/dev/iommu")]
    [InlineData("//dev///iommu", "/dev/iommu")]
    [InlineData("/./dev/./iommu", "/dev/iommu")]
    [InlineData("/../dev/vfio/../iommu", "/dev/iommu")]
    [InlineData("/dev/vfio/devices/", "/dev/vfio/devices")]
    [InlineData("/dev/vfio/devices/..", "/dev/vfio")]
    [InlineData("/dev/char/../iommu", "/dev/iommu")]
    [InlineData("/sys/bus/pci/devices/0000:00:05.0", Device)]
    [InlineData("/sys/bus/pci/devices/0000:00:05.0/vendor", Device + "/vendor")]
    [InlineData("/sys/bus/pci/devices/0000:00:05.0/iommu_group/", "/sys/kernel/iommu_groups/7")]
    [InlineData("/sys/bus/pci/devices/0000:00:05.0/iommu_group/../7", "/sys/kernel/iommu_groups/7")]
    [InlineData("/sys/bus/pci/devices/0000:00:05.0/subsystem/devices/0000:00:05.0", Device)]
    [InlineData("/sys/bus/pci/devices/0000:00:05.0/absolute", "/dev/iommu")]
    [InlineData("/sys/bus/pci/devices/0000:00:05.0/..", "/sys/devices/pci0000:00")]
    [InlineData("/sys/class/net/lo/../../../pci0000:00", "/sys/devices/pci0000:00")]
    public void APathOfOursIsFound(string path, string expected) => Assert.Equal(expected, Resolve(path).Node?.Path);

    [Theory]
    [InlineData("iommu", "/dev", "/dev/iommu")]
    [InlineData("../iommu", "/dev/vfio", "/dev/iommu")]
    [InlineData("dev/iommu", "/", "/dev/iommu")]
    [InlineData("../../dev/iommu", "/home/user", "/dev/iommu")]
    [InlineData("devices/vfio0", "/dev/vfio", "/dev/vfio/devices/vfio0")]
    [InlineData(".", "/dev/vfio", "/dev/vfio")]
    [InlineData("/dev/iommu", "/home/user", "/dev/iommu")]
    public void ARelativePathStartsFromItsDirectory(string path, string start, string expected) =>
        Assert.Equal(expected, Resolve(path, start).Node?.Path);

    [Theory]
    [InlineData("/dev/null", null)]
    [InlineData("/dev/pts/0", null)]
    [InlineData("/etc/passwd", null)]
    [InlineData("/sys/bus/pci/devices/0000:00:01.0/vendor", null)]
    [InlineData("/sys/class/net/lo/address", null)]
    [InlineData("null", "/dev")]
    [InlineData("file", "/home/user")]
    [InlineData("../file", "/home/user")]
    [InlineData("link/../dev/iommu", "/home/user")] // leads to /srv/dev/iommu
    public void WhatIsNotOursIsTheKernels(string path, string? start) => Assert.True(Resolve(path, start).IsHosts);

    [Theory]
    [InlineData("/dev/iommu/", Errno.ENOTDIR)]
    [InlineData("/dev/iommu/x", Errno.ENOTDIR)]
    [InlineData("/dev/iommu/.", Errno.ENOTDIR)]
    [InlineData("/dev/vfio/nothing", Errno.ENOENT)]
    [InlineData(Device + "/nothing/more", Errno.ENOENT)]
    [InlineData(Device + "/loop", Errno.ELOOP)]
    [InlineData("/sys/bus/pci/devices/0000:00:05.0/absolute/", Errno.ENOTDIR)]
    [InlineData("/dev/nothing/../iommu", Errno.ENOENT)]
    public void AWrongPathFailsAsInLinux(string path, Errno expected) => Assert.Equal(expected, Resolve(path).Errno);

    [Theory]
    [InlineData("/sys/bus/pci/devices/0000:00:05.0", "/sys/bus/pci/devices/0000:00:05.0")]
    [InlineData(Device + "/loop", Device + "/loop")]
    [InlineData("/sys/bus/pci/devices/0000:00:05.0/", Device)] // the slash has it followed all the same
    public void TheLastLinkIsFollowedOnlyIfAsked(string path, string expected) =>
        Assert.Equal(expected, Resolve(path, follow: false).Node?.Path);

    [Theory]
    [InlineData("/sys/bus/pci/devices/0000:00:05.0/subsystem/drivers/x", null, "/sys/bus/pci/drivers/x")]
    [InlineData("../null", "/dev/vfio", "/dev/null")]
    [InlineData("0000:00:01.0/vendor", "/sys/bus/pci/devices", "/sys/bus/pci/devices/0000:00:01.0/vendor")]
    public void WhatTheKernelCannotReachIsNamed(string path, string? standInFor, string expected) =>
        Assert.Equal(expected, Resolve(path, standInFor, detour: standInFor is not null).HostPath);
}
