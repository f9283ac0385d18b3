using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Linux.Files;

namespace Ioasis.Linux.Memory;

/// <summary>Calls on memory: mappings of our own process, and the memory of another.</summary>
internal static unsafe partial class SysMemory
{
    public const int PROT_READ = 1;
    public const int PROT_WRITE = 2;
    public const int PROT_EXEC = 4;
    public const int MAP_SHARED = 1;
    public const int MAP_PRIVATE = 2;
    public const int MAP_TYPE = 0xf;
    public const int MAP_FIXED = 0x10;
    public const int MAP_ANONYMOUS = 0x20;
    public const int MAP_NORESERVE = 0x4000;
    public const int MADV_POPULATE_READ = 22;
    public const int MADV_POPULATE_WRITE = 23;

    /// <summary>The most pages that one call of <see cref="TouchPages"/> touches.</summary>
    public const int MostTouched = 128;

    private const int PageSize = 4096;
    private const ulong MostBrought = 1 << 30;

    // In the first page of a process, which vm.mmap_min_addr keeps unmapped.
    private const ulong Nowhere = 8;

    /// <summary>mmap(2) of a file, at an address that the kernel chooses.</summary>
    public static Errno Map(
        FileDescriptor file, ulong offset, ulong length, int protection, int flags, out nint address)
    {
        address = mmap(0, (nuint)length, protection, flags, file, (long)offset);
        if (address != -1) return Errno.None;
        address = 0;
        return LastError.Errno;
    }

    /// <summary>Reserves addresses, at which nothing is.</summary>
    public static Errno Reserve(ulong length, out nint address)
    {
        using var none = new FileDescriptor(-1, owned: false);
        return Map(none, 0, length, 0, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, out address);
    }

    /// <summary>mmap(2) of a shared file over reserved addresses.</summary>
    public static Errno MapOver(nint address, FileDescriptor file, ulong offset, ulong length, int protection) =>
        mmap(address, (nuint)length, protection, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, file, (long)offset) == -1
            ? LastError.Errno
            : Errno.None;

    /// <summary>
    /// Brings pages of a mapping of ours, and waits for them; false if the host has none to give. What is beyond 1 GiB
    /// is left to the accesses.
    /// </summary>
    public static bool TryBring(nint address, ulong length, bool writable)
    {
        nint first = address & ~(nint)(PageSize - 1);
        ulong bytes = Math.Min(length, MostBrought) + (ulong)(address - first);
        return Advise(first, bytes, writable ? MADV_POPULATE_WRITE : MADV_POPULATE_READ)
            is not (Errno.EFAULT or Errno.ENOMEM);
    }

    /// <summary>munmap(2). Nothing may use the bytes any more.</summary>
    public static Errno Unmap(nint address, ulong length) => LastError.Of(munmap(address, (nuint)length));

    /// <summary>mprotect(2) on whole pages of ours.</summary>
    public static Errno Protect(nint address, ulong length, int protection) =>
        LastError.Of(mprotect(address, (nuint)length, protection));

    /// <summary>madvise(2) on bytes of a mapping of ours.</summary>
    public static Errno Advise(nint address, ulong length, int advice) =>
        LastError.Of(madvise(address, (nuint)length, advice));

    /// <summary>
    /// process_vm_readv(2) of one range, by any thread of the process. Returns the bytes read, which may be fewer than
    /// requested; -1 if none.
    /// </summary>
    public static long ReadProcess(int thread, ulong address, Span<byte> destination)
    {
        // SAFETY: the span is pinned, and its length bounds what the kernel writes.
        fixed (byte* to = destination)
        {
            var local = new IoVector { Base = (ulong)to, Length = (ulong)destination.Length };
            var remote = new IoVector { Base = address, Length = (ulong)destination.Length };
            return process_vm_readv(thread, &local, 1, &remote, 1, 0);
        }
    }

    /// <summary>
    /// process_vm_writev(2) of one range, by any thread of the process. Returns the bytes written, which may be fewer
    /// than requested; -1 if none.
    /// </summary>
    public static long WriteProcess(int thread, ulong address, ReadOnlySpan<byte> source)
    {
        // SAFETY: the span is pinned; the kernel only reads it.
        fixed (byte* from = source)
        {
            var local = new IoVector { Base = (ulong)from, Length = (ulong)source.Length };
            var remote = new IoVector { Base = address, Length = (ulong)source.Length };
            return process_vm_writev(thread, &local, 1, &remote, 1, 0);
        }
    }

    /// <summary>Whether process_vm_readv(2) may read a process, without reading a byte.</summary>
    /// <returns>EPERM, or ENOSYS if the kernel lacks the call.</returns>
    public static Errno ProbeRead(int thread)
    {
        var one = new IoVector { Base = Nowhere, Length = 1 };
        // SAFETY: the address is unmapped on both sides, so that a permitted call fails with EFAULT.
        nint done = probe_readv(thread, &one, 1, &one, 1, 0);
        return done < 0 && LastError.Errno != Errno.EFAULT ? LastError.Errno : Errno.None;
    }

    /// <summary>The same for process_vm_writev(2).</summary>
    public static Errno ProbeWrite(int thread)
    {
        var one = new IoVector { Base = Nowhere, Length = 1 };
        // SAFETY: as in ProbeRead.
        nint done = probe_writev(thread, &one, 1, &one, 1, 0);
        return done < 0 && LastError.Errno != Errno.EFAULT ? LastError.Errno : Errno.None;
    }

    /// <summary>
    /// Faults in pages of a process without changing a byte, and waits for whoever provides them. Returns how many,
    /// counted from the first. process_vm_readv(2) waits where a read of /proc/PID/mem fails (userfaultfd), and it does
    /// so without holding the lock of the process's memory.
    /// </summary>
    /// <param name="thread">Any thread of the process. A recycled ID does no harm.</param>
    /// <param name="pages">An address in each page, at most <see cref="MostTouched"/>.</param>
    public static int TouchPages(int thread, ReadOnlySpan<ulong> pages)
    {
        IoVector* remote = stackalloc IoVector[MostTouched];
        byte* bytes = stackalloc byte[MostTouched];
        int count = Math.Min(pages.Length, MostTouched);
        for (int i = 0; i < count; i++) remote[i] = new IoVector { Base = pages[i], Length = 1 };
        var local = new IoVector { Base = (ulong)bytes, Length = (ulong)count };
        // SAFETY: the kernel writes at most one byte per page; nobody uses them.
        return (int)Math.Max(0, process_vm_readv(thread, &local, 1, remote, (nuint)count, 0));
    }

    /// <summary>
    /// Faults in a page of a process for a write, as <see cref="TouchPages"/> does for a read. Does not tell whether it
    /// succeeded. Nothing is written, because the source address is unmapped.
    /// </summary>
    public static void TouchForWrite(int thread, ulong address)
    {
        var local = new IoVector { Base = Nowhere, Length = 1 };
        var remote = new IoVector { Base = address, Length = 1 };
        // SAFETY: the kernel prepares the page first and then fails to read the source (EFAULT).
        process_vm_writev(thread, &local, 1, &remote, 1, 0);
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint mmap(nint address, nuint length, int protection, int flags, FileDescriptor file,
        long offset);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int munmap(nint address, nuint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int mprotect(nint address, nuint length, int protection);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int madvise(nint address, nuint length, int advice);

    [LibraryImport("libc")]
    private static partial nint process_vm_readv(int pid, IoVector* local, nuint locals, IoVector* remote,
        nuint remotes, nuint flags);

    [LibraryImport("libc")]
    private static partial nint process_vm_writev(int pid, IoVector* local, nuint locals, IoVector* remote,
        nuint remotes, nuint flags);

    [LibraryImport("libc", EntryPoint = "process_vm_readv", SetLastError = true)]
    private static partial nint probe_readv(int pid, IoVector* local, nuint locals, IoVector* remote, nuint remotes,
        nuint flags);

    [LibraryImport("libc", EntryPoint = "process_vm_writev", SetLastError = true)]
    private static partial nint probe_writev(int pid, IoVector* local, nuint locals, IoVector* remote, nuint remotes,
        nuint flags);
}
