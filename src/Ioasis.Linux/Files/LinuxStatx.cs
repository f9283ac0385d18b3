using System.Runtime.InteropServices;

namespace Ioasis.Linux.Files;

/// <summary>struct statx of linux/stat.h.</summary>
[StructLayout(LayoutKind.Sequential, Size = 256)]
internal struct LinuxStatx
{
    /// <summary>STATX_BASIC_STATS: all fields of struct stat.</summary>
    public const uint BasicStats = 0x7ff;

    /// <summary>STATX_MNT_ID.</summary>
    public const uint MountIdKnown = 0x1000;

    public uint Mask;
    public uint BlockSize;
    public ulong Attributes;
    public uint Nlink;
    public uint Uid;
    public uint Gid;
    public ushort Mode;
    private readonly ushort _spare0;
    public ulong Ino;
    public ulong Size;
    public ulong Blocks;
    public ulong AttributesMask;
    public LinuxStatxTimestamp Access;
    public LinuxStatxTimestamp Birth;
    public LinuxStatxTimestamp Change;
    public LinuxStatxTimestamp Modify;
    public uint RdevMajor;
    public uint RdevMinor;
    public uint DevMajor;
    public uint DevMinor;
    public ulong MountId;
}

/// <summary>struct statx_timestamp of linux/stat.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct LinuxStatxTimestamp
{
    public long Seconds;
    public uint Nanoseconds;
    private readonly int _reserved;
}
