using System.Runtime.InteropServices;

namespace Ioasis.Linux.Memory;

/// <summary>struct iovec of linux/uio.h, for addresses of our own process or another.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct IoVector
{
    public ulong Base;
    public ulong Length;
}
