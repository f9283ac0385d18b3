using Ioasis.Abi;
using Ioasis.Linux.Files;

namespace Ioasis.Bench;

/// <summary>System calls that a measurement needs.</summary>
internal static class SystemCall
{
    /// <summary>Ends the measurement if the call failed.</summary>
    internal static void Must(Errno errno)
    {
        if (errno != Errno.None) throw new InvalidOperationException($"A system call failed: {errno}.");
    }

    internal static FileDescriptor OpenDirectory(string path)
    {
        Must(SysFiles.Open(path, FcntlH.O_RDONLY, out FileDescriptor directory));
        return directory;
    }
}
