using Ioasis.Host.Callers;
using Ioasis.Iommufd.Files;
using Ioasis.Linux.Files;
using Ioasis.Linux.Processes;
using Ioasis.Machine.Nodes;

namespace Ioasis.Host.Paths;

/// <summary>
/// Results of stat(2) and statfs(2) for our files. The user who runs us owns them until a program changes that. A
/// file's inode number is the one in the listing of its directory, on the device of our directories.
/// </summary>
internal sealed class NodeStat(StandIns? standIns = null)
{
    private const int BlockSize = 4096;
    private const uint DirectoryMode = 0x1ED, LinkMode = 0x1FF; // 0755, 0777

    // Inode numbers of files that no directory of ours lists: far above those of sysfs and devtmpfs.
    private const ulong FirstInode = 0x10A515_0000_0000;

    private readonly (ulong Device, ulong Mount) _dev = PlaceOf("/dev"), _sys = PlaceOf("/sys"),
        _proc = PlaceOf("/proc");
    private readonly DateTimeOffset _made = DateTimeOffset.UtcNow;
    private readonly uint _user = SysProcesses.EffectiveUser;
    private readonly uint _group = SysProcesses.EffectiveGroup;
    private volatile bool _changed;

    /// <summary>Whether any owner or mode was changed.</summary>
    public bool HasChanged => _changed;

    /// <summary>Owner, group and mode.</summary>
    public FileOwner OwnerOf(PathNode node) => node.Owner ?? new FileOwner(_user, _group, node.Entry switch
    {
        VirtualDevice { Node: INode device } => StatMode.S_IFCHR | device.Mode,
        VirtualFile file => StatMode.S_IFREG | file.Mode,
        VirtualLink => StatMode.S_IFLNK | LinkMode,
        _ => StatMode.S_IFDIR | DirectoryMode,
    });

    /// <summary>Changes them for the life of the file.</summary>
    public void Change(PathNode node, FileOwner owner)
    {
        node.Owner = owner;
        _changed = true;
    }

    /// <summary>The result of stat(2).</summary>
    public LinuxStat Of(PathNode node)
    {
        FileOwner owner = OwnerOf(node);
        ulong inode = standIns?.InodeOf(node) ?? 0;
        var stat = new LinuxStat
        {
            Dev = inode != 0 ? standIns!.Device : TopOf(node).Device,
            Ino = inode != 0 ? inode : FirstInode + node.Number,
            Nlink = node.IsDirectory ? 2u + (uint)node.Children.Count(child => child.IsDirectory) : 1u,
            Mode = owner.Mode,
            Uid = owner.User,
            Gid = owner.Group,
            BlockSize = BlockSize,
        };
        switch (node.Entry)
        {
            case VirtualDevice { Node: INode device }: stat.Rdev = StatMode.MakeDev(device.Major, device.Minor); break;
            case VirtualFile file: stat.Size = file.Size; break;
            case VirtualLink link: stat.Size = link.Target.Length; break;
        }

        stat.AccessSeconds = stat.ModifySeconds = stat.ChangeSeconds = _made.ToUnixTimeSeconds();
        stat.AccessNanoseconds = stat.ModifyNanoseconds = stat.ChangeNanoseconds = _made.Nanosecond
            + _made.Microsecond * 1000 + _made.Millisecond * 1_000_000;
        return stat;
    }

    /// <summary>The result of statx(2), which adds the mount's ID.</summary>
    public LinuxStatx ExtendedOf(PathNode node)
    {
        LinuxStatx stat = ToStatx(Of(node));
        stat.MountId = TopOf(node).Mount;
        if (stat.MountId != 0) stat.Mask |= LinuxStatx.MountIdKnown;
        return stat;
    }

    /// <summary>
    /// The result of statfs(2): that of the host's /dev, /sys or /proc. If the host has none, at least the file
    /// system's type.
    /// </summary>
    public static LinuxStatFs FileSystemOf(PathNode node)
    {
        (string top, long kind) = IsBelow(node, "/dev/") ? ("/dev", LinuxStatFs.TMPFS_MAGIC)
            : IsBelow(node, "/proc/") ? ("/proc", LinuxStatFs.PROC_SUPER_MAGIC)
            : ("/sys", LinuxStatFs.SYSFS_MAGIC);
        if (SysPaths.StatFileSystem(top, out LinuxStatFs stat) == Abi.Errno.None && stat.Type == kind) return stat;
        return new LinuxStatFs { Type = kind, BlockSize = BlockSize, FragmentSize = BlockSize, NameLength = 255 };
    }

    /// <summary>Converts a result of stat(2) to one of statx(2).</summary>
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

    private (ulong Device, ulong Mount) TopOf(PathNode node) =>
        IsBelow(node, "/dev/") ? _dev : IsBelow(node, "/proc/") ? _proc : _sys;

    private static bool IsBelow(PathNode node, string top) => node.Path.StartsWith(top, StringComparison.Ordinal);

    private static (ulong Device, ulong Mount) PlaceOf(string path) =>
        SysPaths.Statx(path, out LinuxStatx stat) == Abi.Errno.None
            ? (StatMode.MakeDev(stat.DevMajor, stat.DevMinor), stat.MountId)
            : default;
}
