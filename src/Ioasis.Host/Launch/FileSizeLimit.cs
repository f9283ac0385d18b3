using Ioasis.Abi;
using Ioasis.Host.Devices;
using Ioasis.Linux.Processes;

namespace Ioasis.Host.Launch;

/// <summary>
/// The limit of file sizes (RLIMIT_FSIZE, <c>ulimit -f</c>). The files that stand for our nodes take no room, but are
/// longer than most limits allow.
/// </summary>
internal static class FileSizeLimit
{
    /// <summary>Raises our own soft limit to the hard one if nodes need more.</summary>
    /// <returns>The soft limit that the program must start with, in bytes.</returns>
    /// <exception cref="IOException">The hard limit is too low for nodes.</exception>
    public static ulong Raise()
    {
        (ulong soft, ulong hard) = SysProcesses.LimitOf(ResourceLimit.FileSize);
        if (hard < Carrier.Size)
        {
            throw new IOException($"the hard limit of file sizes is {hard} bytes, and nodes need sparse files of "
                + $"{Carrier.Size} bytes (see ulimit -Hf)");
        }

        ulong original = OriginalProcess.FileSizeLimit ?? soft;
        Errno errno = soft < Carrier.Size ? SysProcesses.SetSoftLimit(ResourceLimit.FileSize, hard) : Errno.None;
        return errno == Errno.None
            ? original
            : throw new IOException($"the soft limit of file sizes cannot be raised to the hard one ({errno})");
    }
}
