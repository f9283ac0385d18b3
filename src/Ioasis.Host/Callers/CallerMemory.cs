using System.Globalization;
using Ioasis.Abi;
using Ioasis.Linux.Files;
using Ioasis.Linux.Memory;
using Ioasis.Linux.Seccomp;

namespace Ioasis.Host.Callers;

/// <summary>
/// The memory of a caller that need not have called a node before. What is read by the number of its thread counts only
/// if the call still waits afterwards; what is written goes to an open /proc/TID/mem, which stays the caller's, whoever
/// gets the number.
/// </summary>
internal sealed class CallerMemory(SeccompListener listener)
{
    /// <summary>Reads; false where it is not there, or nobody waits any more.</summary>
    public bool TryRead(in SeccompNotif call, ulong address, Span<byte> destination) =>
        SysMemory.ReadProcess((int)call.Pid, address, destination) == destination.Length && listener.IsValid(call.Id);

    /// <summary>Writes what a call is to give back.</summary>
    /// <returns>EFAULT where it cannot be written.</returns>
    public Errno Write(in SeccompNotif call, ulong address, ReadOnlySpan<byte> source)
    {
        if (source.IsEmpty) return Errno.None;
        int thread = (int)call.Pid;
        if (address > ulong.MaxValue - (ulong)source.Length) return Errno.EFAULT;
        // Pages that somebody has to bring are waited for here, as by the kernel's own copy: the file below does not
        // wait. The bytes read do not count.
        Span<byte> touched = stackalloc byte[1];
        SysMemory.ReadProcess(thread, address, touched);
        SysMemory.ReadProcess(thread, address + (ulong)source.Length - 1, touched);
        Errno errno = SysFiles.Open(Path(thread, "mem"), FcntlH.O_RDWR, out FileDescriptor memory);
        if (errno != Errno.None) return Refused(errno);
        using (memory)
        {
            errno = SysFiles.Open(Path(thread, "maps"), FcntlH.O_RDONLY, out FileDescriptor file);
            if (errno != Errno.None) return Refused(errno);
            using var maps = new ProcessMaps(file);
            // Only now is it sure that both are the caller's.
            if (!listener.IsValid(call.Id)) return Errno.EFAULT;
            // The file writes what the process itself cannot, too.
            if (!maps.CanWrite(address, (ulong)source.Length)) return Errno.EFAULT;
            SysResult put = SysFiles.WriteAt(memory, source, address);
            return put.IsOk && put.Value == source.Length ? Errno.None : Errno.EFAULT;
        }
    }

    private static string Path(int thread, string name) =>
        string.Create(CultureInfo.InvariantCulture, $"/proc/{thread}/{name}");

    private static Errno Refused(Errno errno) =>
        errno is Errno.EMFILE or Errno.ENFILE or Errno.ENOMEM ? Errno.ENOMEM : Errno.EFAULT;
}
