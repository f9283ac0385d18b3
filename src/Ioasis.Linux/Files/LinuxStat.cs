using System.Runtime.InteropServices;

namespace Ioasis.Linux.Files;

/// <summary>struct stat of x86-64 (asm/stat.h), as the kernel fills it in and as programs expect it.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct LinuxStat
{
    public ulong Dev;
    public ulong Ino;
    public ulong Nlink;
    public uint Mode;
    public uint Uid;
    public uint Gid;
    private readonly uint _pad;
    public ulong Rdev;
    public long Size;
    public long BlockSize;
    public long Blocks;
    public long AccessSeconds;
    public long AccessNanoseconds;
    public long ModifySeconds;
    public long ModifyNanoseconds;
    public long ChangeSeconds;
    public long ChangeNanoseconds;
    private readonly long _unused0;
    private readonly long _unused1;
    private readonly long _unused2;
}
