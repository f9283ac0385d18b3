using System.Globalization;
using Ioasis.Abi;
using Ioasis.Linux.Files;
using Ioasis.Linux.Memory;
using Ioasis.Linux.Seccomp;

namespace Ioasis.Host.Callers;

/// <summary>
/// The memory of a caller that need not have called a node before. A read by thread ID is valid only if the call still
/// waits afterwards. A write goes to an open /proc/TID/mem, which stays bound to the caller if the ID is recycled.
/// </summary>
internal sealed class CallerMemory(SeccompListener listener)
{
    /// <summary>Reads; false if the memory is unreadable or the call no longer waits.</summary>
    public bool TryRead(in SeccompNotif call, ulong address, Span<byte> destination) =>
        SysMemory.ReadProcess((int)call.Pid, address, destination) == destination.Length && listener.IsValid(call.Id);

    /// <summary>Writes the result of a call.</summary>
    /// <returns>EFAULT if the memory is not writable.</returns>
    public Errno Write(in SeccompNotif call, ulong address, ReadOnlySpan<byte> source)
    {
        if (source.IsEmpty) return Errno.None;
        int thread = (int)call.Pid;
        if (address > ulong.MaxValue - (ulong)source.Length) return Errno.EFAULT;
        // Waits for missing pages here, as the kernel's own copy would: the file below does not wait. The bytes read
        // are not used.
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
            // A valid call proves that both files are the caller's.
            if (!listener.IsValid(call.Id)) return Errno.EFAULT;
            // The file would also write memory that the process itself cannot, so check.
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
