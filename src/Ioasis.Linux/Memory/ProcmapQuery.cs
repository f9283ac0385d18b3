using System.Runtime.InteropServices;

namespace Ioasis.Linux.Memory;

/// <summary>
/// struct procmap_query of linux/fs.h: finds the mapping of a process at an address. Linux 6.11 and later.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ProcmapQuery
{
    /// <summary>PROCMAP_QUERY: _IOWR('f', 17, struct procmap_query).</summary>
    public const uint Command = 0xC0686611;

    public const ulong Readable = 1;
    public const ulong Writable = 2;
    public const ulong Shared = 8;

    /// <summary>A query flag: if nothing is mapped at the address, returns the next mapping above it.</summary>
    public const ulong CoveringOrNext = 16;

    public ulong Size;
    public ulong QueryFlags;
    public ulong QueryAddress;
    public ulong Start;
    public ulong End;
    public ulong Flags;
    public ulong PageSize;
    public ulong Offset;
    public ulong Inode;
    public uint DeviceMajor;
    public uint DeviceMinor;
    public uint NameSize;
    public uint BuildIdSize;
    public ulong NameAddress;
    public ulong BuildIdAddress;
}
