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
    public const int MAP_ANONYMOUS = 0x20;
    public const int MAP_NORESERVE = 0x4000;
    public const int MADV_POPULATE_WRITE = 23;

    /// <summary>mmap(2) of a file, at an address that the kernel chooses.</summary>
    public static Errno Map(FileDescriptor file, ulong offset, ulong length, int protection, int flags, out nint address)
    {
        address = mmap(0, (nuint)length, protection, flags, file, (long)offset);
        if (address != -1) return Errno.None;
        address = 0;
        return LastError.Errno;
    }

    /// <summary>munmap(2). Nothing may use the bytes any more.</summary>
    public static Errno Unmap(nint address, ulong length) => LastError.Of(munmap(address, (nuint)length));

    /// <summary>madvise(2) on bytes of a mapping of ours.</summary>
    public static Errno Advise(nint address, ulong length, int advice) => LastError.Of(madvise(address, (nuint)length, advice));

    /// <summary>process_vm_readv(2) of one run of bytes: how many could be read, which may be fewer than asked for; -1 if none.</summary>
    /// <remarks><paramref name="thread"/>: Any thread of the process.</remarks>
    public static long ReadProcess(int thread, ulong address, Span<byte> destination)
    {
        // SAFETY: the span is pinned, and what the kernel writes to it is bounded by its length.
        fixed (byte* to = destination)
        {
            var local = new IoVector { Base = (ulong)to, Length = (ulong)destination.Length };
            var remote = new IoVector { Base = address, Length = (ulong)destination.Length };
            return process_vm_readv(thread, &local, 1, &remote, 1, 0);
        }
    }

    /// <summary>process_vm_writev(2) of one run of bytes: how many could be written, which may be fewer than asked for; -1 if none.</summary>
    /// <remarks><paramref name="thread"/>: Any thread of the process.</remarks>
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

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint mmap(nint address, nuint length, int protection, int flags, FileDescriptor file, long offset);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int munmap(nint address, nuint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int madvise(nint address, nuint length, int advice);

    [LibraryImport("libc")]
    private static partial nint process_vm_readv(int pid, IoVector* local, nuint locals, IoVector* remote, nuint remotes, nuint flags);

    [LibraryImport("libc")]
    private static partial nint process_vm_writev(int pid, IoVector* local, nuint locals, IoVector* remote, nuint remotes, nuint flags);
}
