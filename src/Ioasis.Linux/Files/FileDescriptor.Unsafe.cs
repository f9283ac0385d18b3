using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Ioasis.Linux.Files;

/// <summary>An open file descriptor of our own process, closed once after its last use.</summary>
internal sealed partial class FileDescriptor : SafeHandleMinusOneIsInvalid
{
    /// <summary>For the marshaller, which sets the number.</summary>
    public FileDescriptor() : base(ownsHandle: true)
    {
    }

    /// <summary>Takes over a number. Closes it in the end unless <paramref name="owned"/> is false.</summary>
    public FileDescriptor(int number, bool owned = true) : base(owned) => SetHandle(number);

    /// <summary>A failed call returns -1 in 32 bits; the upper half of the register is undefined.</summary>
    public override bool IsInvalid => (int)handle == -1;

    /// <summary>The number. Only for messages, or while the caller keeps the object alive.</summary>
    public int Number => (int)handle;

    // SAFETY: passes a number and no memory; the handle guarantees that it is closed once. EINTR included, the number
    // is free after close(2) on Linux: a retry could close another file.
    protected override bool ReleaseHandle() =>
        Close((int)handle) == 0 || Marshal.GetLastPInvokeError() != (int)Abi.Errno.EBADF;

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int number);
}
