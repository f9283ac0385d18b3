using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Ioasis.Linux.Files;

/// <summary>An open file descriptor of our own process, closed once when nobody uses it any more.</summary>
internal sealed partial class FileDescriptor : SafeHandleMinusOneIsInvalid
{
    /// <summary>For the marshaller; it sets the number.</summary>
    public FileDescriptor() : base(ownsHandle: true)
    {
    }

    /// <summary>Takes a number over, to close it in the end unless <paramref name="owned"/> says otherwise.</summary>
    public FileDescriptor(int number, bool owned = true) : base(owned) => SetHandle(number);

    /// <summary>A call that fails returns -1 in 32 bits; what stands in the register above them is nobody's.</summary>
    public override bool IsInvalid => (int)handle == -1;

    /// <summary>Its number. Only for a message, or while the caller keeps the object alive.</summary>
    public int Number => (int)handle;

    // SAFETY: a number goes in and no memory; the handle sees to it that it is closed once.
    // EINTR included, the number is free after close(2) on Linux: trying again could close another's.
    protected override bool ReleaseHandle() =>
        Close((int)handle) == 0 || Marshal.GetLastPInvokeError() != (int)Abi.Errno.EBADF;

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int number);
}
