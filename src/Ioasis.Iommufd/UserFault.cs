using System.Runtime.CompilerServices;
using Ioasis.Abi;

namespace Ioasis.Iommufd;

/// <summary>EFAULT for memory of the program that a call cannot read or write.</summary>
internal static class UserFault
{
    /// <summary>The call cannot read bytes of the program.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static Errno Read(ulong address, ulong bytes) =>
        Errno.EFAULT.Because($"the program's {bytes} bytes at 0x{address:x} cannot be read");

    /// <summary>The call cannot write bytes of the program.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static Errno Write(ulong address, ulong bytes) =>
        Errno.EFAULT.Because($"the program's {bytes} bytes at 0x{address:x} cannot be written");
}
