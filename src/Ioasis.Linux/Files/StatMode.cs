namespace Ioasis.Linux.Files;

/// <summary>Bits of st_mode (linux/stat.h) and of device numbers.</summary>
internal static class StatMode
{
    public const uint S_IFMT = 0xF000;
    public const uint S_IFDIR = 0x4000;
    public const uint S_IFCHR = 0x2000;
    public const uint S_IFREG = 0x8000;
    public const uint S_IFLNK = 0xA000;
    public const uint S_IFIFO = 0x1000;
    public const uint S_IFBLK = 0x6000;
    public const uint S_IALLUGO = 0xFFF;
    public const uint S_ISUID = 0x800;
    public const uint S_ISGID = 0x400;
    public const uint S_IXGRP = 0x8;
    public const uint S_IRUGO = 0x124;
    public const uint S_IWUGO = 0x92;
    public const uint S_IXUGO = 0x49;

    /// <summary>makedev(3) in the layout of struct stat.</summary>
    public static ulong MakeDev(uint major, uint minor) =>
        ((ulong)(major & 0xfffff000) << 32) | ((major & 0xfff) << 8) | ((ulong)(minor & 0xffffff00) << 12)
        | (minor & 0xff);

    /// <summary>major(3).</summary>
    public static uint Major(ulong dev) => (uint)((dev >> 8) & 0xfff) | (uint)((dev >> 32) & 0xfffff000);

    /// <summary>minor(3).</summary>
    public static uint Minor(ulong dev) => (uint)(dev & 0xff) | (uint)((dev >> 12) & 0xffffff00);
}
