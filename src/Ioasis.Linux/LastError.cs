using System.Runtime.InteropServices;
using Ioasis.Abi;

namespace Ioasis.Linux;

/// <summary>The errno of the calling thread's last P/Invoke, as a value.</summary>
internal static class LastError
{
    public static Errno Errno => (Errno)Marshal.GetLastPInvokeError();

    /// <summary>Result of a libc call that returns -1 on failure.</summary>
    public static SysResult Result(long returned) => returned >= 0 ? SysResult.Ok(returned) : Errno;

    /// <summary>Result of a libc call that returns only success or failure.</summary>
    public static Errno Of(long returned) => returned >= 0 ? Errno.None : Errno;
}
