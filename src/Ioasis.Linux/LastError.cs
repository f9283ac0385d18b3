using System.Runtime.InteropServices;
using Ioasis.Abi;

namespace Ioasis.Linux;

/// <summary>The errno of the calling thread's last P/Invoke, as a value.</summary>
internal static class LastError
{
    public static Errno Errno => (Errno)Marshal.GetLastPInvokeError();

    /// <summary>What a libc call returned, which is -1 when it failed.</summary>
    public static SysResult Result(long returned) => returned >= 0 ? SysResult.Ok(returned) : Errno;

    /// <summary>What a libc call returned that says nothing but whether it succeeded.</summary>
    public static Errno Of(long returned) => returned >= 0 ? Errno.None : Errno;
}
