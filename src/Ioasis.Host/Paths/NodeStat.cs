using Ioasis.Iommufd.Files;
using Ioasis.Linux.Files;
using Ioasis.Linux.Processes;
using Ioasis.Machine.Nodes;

namespace Ioasis.Host.Paths;

/// <summary>What stat(2) says of what we serve. All belongs to the user who runs us.</summary>
internal sealed class NodeStat
{
    private const long SysfsFileSize = 4096;
    private const int BlockSize = 4096;

    // Far above the inode numbers that sysfs and devtmpfs give.
    private const ulong FirstInode = 0x10A515_0000_0000;

    private readonly ulong _deviceOfDev = DeviceOf("/dev");
    private readonly ulong _deviceOfSys = DeviceOf("/sys");
    private readonly DateTimeOffset _made = DateTimeOffset.UtcNow;
    private readonly uint _user = SysProcesses.EffectiveUser;
    private readonly uint _group = SysProcesses.EffectiveGroup;

    /// <summary>Of a link, a file or a device.</summary>
    public LinuxStat Of(PathNode node)
    {
        var stat = new LinuxStat
        {
            Dev = node.Path.StartsWith("/dev/", StringComparison.Ordinal) ? _deviceOfDev : _deviceOfSys,
            Ino = FirstInode + node.Number,
            Nlink = 1,
            Uid = _user,
            Gid = _group,
            BlockSize = BlockSize,
        };
        switch (node.Entry)
        {
            case VirtualDevice { Node: INode device }:
                stat.Mode = StatMode.S_IFCHR | device.Mode;
                stat.Rdev = StatMode.MakeDev(device.Major, device.Minor);
                break;
            case VirtualFile file:
                stat.Mode = StatMode.S_IFREG | file.Mode;
                stat.Size = SysfsFileSize;
                break;
            case VirtualLink link:
                stat.Mode = StatMode.S_IFLNK | 0x1FF;
                stat.Size = link.Target.Length;
                break;
        }

        stat.AccessSeconds = stat.ModifySeconds = stat.ChangeSeconds = _made.ToUnixTimeSeconds();
        stat.AccessNanoseconds = stat.ModifyNanoseconds = stat.ChangeNanoseconds = _made.Nanosecond + _made.Microsecond * 1000 + _made.Millisecond * 1_000_000;
        return stat;
    }

    /// <summary>The same as statx(2) says it.</summary>
    public static LinuxStatx ToStatx(in LinuxStat stat) => new()
    {
        Mask = LinuxStatx.BasicStats,
        BlockSize = (uint)stat.BlockSize,
        Nlink = (uint)stat.Nlink,
        Uid = stat.Uid,
        Gid = stat.Gid,
        Mode = (ushort)stat.Mode,
        Ino = stat.Ino,
        Size = (ulong)stat.Size,
        Blocks = (ulong)stat.Blocks,
        Access = new LinuxStatxTimestamp { Seconds = stat.AccessSeconds, Nanoseconds = (uint)stat.AccessNanoseconds },
        Change = new LinuxStatxTimestamp { Seconds = stat.ChangeSeconds, Nanoseconds = (uint)stat.ChangeNanoseconds },
        Modify = new LinuxStatxTimestamp { Seconds = stat.ModifySeconds, Nanoseconds = (uint)stat.ModifyNanoseconds },
        RdevMajor = StatMode.Major(stat.Rdev),
        RdevMinor = StatMode.Minor(stat.Rdev),
        DevMajor = StatMode.Major(stat.Dev),
        DevMinor = StatMode.Minor(stat.Dev),
    };

    private static ulong DeviceOf(string path) => SysFiles.Stat(path, follow: true, out LinuxStat stat) == Abi.Errno.None ? stat.Dev : 0;
}
