using System.Runtime.InteropServices;

namespace Ioasis.Linux.Files;

/// <summary>struct flock of x86-64 (asm-generic/fcntl.h).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct FileLock
{
    public short Type;
    public short Whence;
    public long Start;
    public long Length;
    public int Pid;

    /// <summary>A lock for writing on one byte.</summary>
    public static FileLock OfByte(ulong offset) =>
        new() { Type = FcntlH.F_WRLCK, Whence = FcntlH.SEEK_SET, Start = (long)offset, Length = 1 };
}
