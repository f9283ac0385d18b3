using System.Runtime.InteropServices;

namespace Ioasis.Linux.Files;

/// <summary>struct statfs of x86-64 (asm-generic/statfs.h).</summary>
[StructLayout(LayoutKind.Sequential, Size = 120)]
internal struct LinuxStatFs
{
    /// <summary>The f_type of sysfs (linux/magic.h).</summary>
    public const long SYSFS_MAGIC = 0x62656572;

    /// <summary>The f_type of proc.</summary>
    public const long PROC_SUPER_MAGIC = 0x9fa0;

    /// <summary>The f_type of tmpfs and devtmpfs.</summary>
    public const long TMPFS_MAGIC = 0x01021994;

    /// <summary>The f_type of hugetlbfs. Its f_bsize is the size of a page of the file.</summary>
    public const long HUGETLBFS_MAGIC = 0x958458f6;

    public long Type;
    public long BlockSize;
    public ulong Blocks;
    public ulong FreeBlocks;
    public ulong AvailableBlocks;
    public ulong Files;
    public ulong FreeFiles;
    public ulong Id;
    public long NameLength;
    public long FragmentSize;
    public long Flags;
}
