using Ioasis.Abi;
using Ioasis.Host.Callers;
using Ioasis.Host.Paths;
using Ioasis.Linux.Files;
using Ioasis.Machine.Nodes;

namespace Ioasis.Tests.Host;

public sealed class StandInsTests : IDisposable
{
    private readonly StandIns _standIns = new();
    private readonly PathTree _tree = new(SamplePaths.Make());

    public void Dispose() => _standIns.Dispose();

    private PathNode Find(string path)
    {
        Assert.True(_tree.TryFind(path, out PathNode? node));
        return node;
    }

    [Fact]
    public void ADirectoryOfOursIsListed()
    {
        Assert.Equal(Errno.None,
            _standIns.TryMake(Find("/sys/devices/pci0000:00/0000:00:05.0"), hosts: true, out string path));
        Assert.Equal(["absolute", "iommu_group", "loop", "subsystem", "vendor"],
            Directory.EnumerateFileSystemEntries(path).Select(Path.GetFileName).Order());
        Assert.Equal("../../../bus/pci", new FileInfo(path + "/subsystem").LinkTarget);
        Assert.Equal(Errno.None, _standIns.TryMake(Find("/dev/vfio/devices"), hosts: true, out string devices));
        Assert.Equal(Errno.None, SysFiles.Stat(devices + "/vfio0", follow: false, out LinuxStat stat));
        Assert.Equal(StatMode.S_IFCHR, stat.Mode & StatMode.S_IFMT);
    }

    [Fact]
    public void WhatTheHostHasInAMergedOneIsThereToo()
    {
        var tree = new PathTree(new Dictionary<string, VirtualPath>
        {
            ["/proc/self/ours"] = new VirtualDirectory("/proc/self/ours", Merged: false),
            ["/proc/self"] = new VirtualDirectory("/proc/self", Merged: true),
        });
        Assert.True(tree.TryFind("/proc/self", out PathNode? directory));
        Assert.True(StandIns.IsNeeded(directory));
        Assert.Equal(Errno.None, _standIns.TryMake(directory, hosts: true, out string path));
        Assert.True(Directory.Exists(path + "/ours"));
        Assert.Equal("/proc/self/status", new FileInfo(path + "/status").LinkTarget);

        // gone when the machine has it no more
        Assert.Equal(Errno.None, _standIns.TryMake(new PathNode("/proc/self", tree.Root, 1), hosts: true, out path));
        Assert.False(Directory.Exists(path + "/ours"));
        Assert.True(File.Exists(path + "/status"));
    }

    [Theory]
    [InlineData("/dev", false)] // the host's own, whatever we have in it
    [InlineData("/dev/vfio/devices", true)]
    [InlineData("/sys/devices/pci0000:00/0000:00:05.0", true)]
    public void OnlyWhatTheHostCannotListNeedsOne(string path, bool needed) =>
        Assert.Equal(needed, StandIns.IsNeeded(Find(path)));

    [Fact]
    public void AStandInsPathLeadsBack()
    {
        Assert.False(_standIns.TryMapBack("/dev/vfio", out _));
        Assert.Equal(Errno.None, _standIns.TryMake(Find("/dev/vfio"), hosts: true, out string listed));
        Assert.True(_standIns.TryMapBack(listed, out string? ours));
        Assert.Equal("/dev/vfio", ours);
        Assert.True(_standIns.TryMapBack(listed + "/devices", out ours));
        Assert.Equal("/dev/vfio/devices", ours);
        Assert.False(_standIns.TryMapBack("/dev/vfio", out _));
        Assert.Equal(Errno.None, SysFiles.Stat(listed, follow: true, out LinuxStat stat));
        Assert.Equal(_standIns.Device, stat.Dev);
    }

    [Fact]
    public void TheyArePrivateAndGoneAtTheEnd()
    {
        Assert.Equal(0UL, _standIns.Device);
        Assert.Equal(Errno.None, _standIns.TryMake(Find("/dev/vfio"), hosts: true, out string path));
        string root = path[..^"/listed/dev/vfio".Length];
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute,
            new DirectoryInfo(root).UnixFileMode);
        _standIns.Dispose();
        Assert.False(Directory.Exists(root));
    }

    [Fact]
    public void WhatADeadSupervisorLeftIsSweptUpAndALivingOnesIsNot()
    {
        Assert.True(TemporaryDirectory.TryCreate(out TemporaryDirectory? living));
        string parent = Path.GetDirectoryName(living.Path)!, dead = Path.Combine(parent, "ioasis-1-dead");
        Directory.CreateDirectory(dead + "/listed");
        Assert.True(TemporaryDirectory.TryCreate(out TemporaryDirectory? next));
        Assert.False(Directory.Exists(dead));
        Assert.True(Directory.Exists(living.Path));
        living.Dispose();
        next.Dispose();
        Assert.False(Directory.Exists(living.Path));
    }

    [Fact]
    public void AThreadIsKnownByItsDirectoryInProc()
    {
        Assert.Equal(Errno.None,
            SysFiles.Open("/proc/self/fd", FcntlH.O_RDONLY | FcntlH.O_DIRECTORY, out FileDescriptor own));
        using (own)
        {
            Assert.True(ThreadStatus.TryRead(own, out ThreadStatus status));
            Assert.Equal(Environment.ProcessId, status.Process);
            Assert.Equal(Errno.None, CallerThread.TryStat(own, own.Number, out _));
            Assert.NotEqual(Errno.None, CallerThread.TryStat(own, 1 << 20, out _));
            Assert.NotEqual(Errno.None, CallerThread.TryStat(own, -1, out _));
        }
    }
}
