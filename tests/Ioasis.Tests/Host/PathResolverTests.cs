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
        PathResolver.Resolve(s_tree, path, start, detour, follow, TryMakeCanonical);

    private static Errno TryMakeCanonical(in SeccompNotif call, string path, out string canonical)
    {
        canonical = Canonical(path) ?? "";
        return canonical.Length == 0 ? Errno.ENOENT : Errno.None;
    }

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
    [InlineData("/dev/nothing/../iommu", null)] // the kernel says that there is no such directory
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
    public void AWrongPathFailsAsInLinux(string path, Errno expected) => Assert.Equal(expected, Resolve(path).Errno);

    [Fact]
    public void ANameIsAsLongAsInLinux()
    {
        string longest = new('x', 255);
        Assert.Equal(Errno.ENOENT, Resolve("/dev/vfio/" + longest).Errno);
        Assert.Equal(Errno.ENAMETOOLONG, Resolve("/dev/vfio/x" + longest).Errno);
    }

    [Theory]
    [InlineData("vfio0", "/dev/vfio/devices", PathScope.RESOLVE_BENEATH, "/dev/vfio/devices/vfio0", Errno.None)]
    [InlineData("../devices/vfio0", "/dev/vfio/devices", PathScope.RESOLVE_BENEATH, null, Errno.EXDEV)]
    [InlineData("/dev/vfio", "/dev/vfio/devices", PathScope.RESOLVE_BENEATH, null, Errno.EXDEV)]
    [InlineData("iommu_group", Device, PathScope.RESOLVE_BENEATH, null, Errno.EXDEV)]
    [InlineData("absolute", Device, PathScope.RESOLVE_BENEATH, null, Errno.EXDEV)]
    [InlineData("vendor", Device, PathScope.RESOLVE_BENEATH, Device + "/vendor", Errno.None)]
    [InlineData("/devices/vfio0", "/dev/vfio", PathScope.RESOLVE_IN_ROOT, "/dev/vfio/devices/vfio0", Errno.None)]
    [InlineData("../../devices", "/dev/vfio", PathScope.RESOLVE_IN_ROOT, "/dev/vfio/devices", Errno.None)]
    [InlineData("absolute", Device, PathScope.RESOLVE_IN_ROOT, null, Errno.ENOENT)] // /dev/iommu of that root
    [InlineData("subsystem", Device, PathScope.RESOLVE_NO_SYMLINKS, null, Errno.ELOOP)]
    [InlineData("vendor", Device, PathScope.RESOLVE_NO_SYMLINKS | PathScope.RESOLVE_NO_XDEV, Device + "/vendor",
            Errno.None)]
    [InlineData("/dev/iommu", null, PathScope.RESOLVE_NO_XDEV, null, Errno.EXDEV)]
    [InlineData("absolute", Device, PathScope.RESOLVE_NO_XDEV, null, Errno.EXDEV)]
    public void WhatOpenat2ConfinesItConfines(string path, string? start, ulong resolve, string? expected, Errno errno)
    {
        Resolution found = PathResolver.Resolve(s_tree, path, start, detour: start is not null,
            new PathScope(Follow: true, resolve), TryMakeCanonical);
        Assert.Equal((expected, errno), (found.Node?.Path, found.Errno));
    }

    [Theory]
    [InlineData("/dev/iommu", true)]
    [InlineData("//dev", true)]
    [InlineData("/./etc", true)]
    [InlineData("/sys/class", true)]
    [InlineData("/device", false)]
    [InlineData("/etc/passwd", false)]
    [InlineData("/proc/self/fd", false)]
    public void WhatCannotBeOursIsSeenAtOnce(string path, bool expected)
    {
        Assert.Equal(expected, s_tree.MayHave(System.Text.Encoding.Latin1.GetBytes(path)));
        Assert.Equal(expected, s_tree.MayHave(path.AsSpan()));
    }

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
