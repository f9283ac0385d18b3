using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Linux.Files;
using Ioasis.Memory;

namespace Ioasis.Linux.Memory;

/// <summary>
/// Pages of our own process that a client of a node uses until it disposes of them. They are mapped from a node, or
/// allocated with an inaccessible page after them, so that a call that goes too far fails.
/// </summary>
internal sealed unsafe partial class UserPages : SharedBytes, IDisposable
{
    private const ulong PageSize = 4096;
    private readonly ulong _mapped;
    private int _disposed;

    private UserPages(nint address, ulong length, ulong mapped) : base(address, length) => _mapped = mapped;

    ~UserPages() => Dispose();

    /// <summary>Allocates <paramref name="length"/> zeroed bytes, not 0. The last byte is the last of a page.</summary>
    public static Errno TryAllocate(ulong length, out UserPages? pages)
    {
        pages = null;
        if (length is 0 or > long.MaxValue) return Errno.EINVAL;
        ulong usable = (length + PageSize - 1) & ~(PageSize - 1);
        ulong mapped = usable + PageSize;
        using var none = new FileDescriptor(-1, owned: false);
        Errno errno = SysMemory.Map(
            none, 0, mapped, SysMemory.PROT_READ | SysMemory.PROT_WRITE,
            SysMemory.MAP_PRIVATE | SysMemory.MAP_ANONYMOUS, out nint address);
        if (errno != Errno.None) return errno;
        // The last page of the new mapping, whose address nobody else has yet.
        errno = SysMemory.Protect(address + (nint)usable, PageSize, 0);
        if (errno != Errno.None)
        {
            SysMemory.Unmap(address, mapped);
            return errno;
        }

        pages = new UserPages(address, usable, mapped);
        return Errno.None;
    }

    /// <summary>Maps bytes of a node (mmap(2)) with the protection and flags of <see cref="SysMemory"/>.</summary>
    public static Errno TryMap(
        FileDescriptor file, ulong offset, ulong length, int protection, int flags, out UserPages? pages)
    {
        Errno errno = SysMemory.Map(file, offset, length, protection, flags, out nint address);
        pages = errno == Errno.None ? new UserPages(address, length, length) : null;
        return errno;
    }

    /// <summary>pread(2) to any address. The caller tests whether the call fails.</summary>
    public static SysResult ReadAt(FileDescriptor file, ulong offset, ulong address, ulong count)
    {
        // SAFETY: the caller owns the memory at the address for this purpose, or there is none: then the kernel returns
        // EFAULT.
        long got;
        while ((got = pread(file, (void*)address, (nuint)count, (long)offset)) < 0
            && LastError.Errno == Errno.EINTR) { }
        return LastError.Result(got);
    }

    /// <summary>pwrite(2) from any address.</summary>
    public static SysResult WriteAt(FileDescriptor file, ulong offset, ulong address, ulong count)
    {
        // SAFETY: the kernel only reads there, or returns EFAULT.
        long put;
        while ((put = pwrite(file, (void*)address, (nuint)count, (long)offset)) < 0
            && LastError.Errno == Errno.EINTR) { }
        return LastError.Result(put);
    }

    /// <summary>read(2) to any address.</summary>
    public static SysResult Read(FileDescriptor file, ulong address, ulong count)
    {
        // SAFETY: as in ReadAt.
        long got;
        while ((got = read(file, (void*)address, (nuint)count)) < 0 && LastError.Errno == Errno.EINTR) { }
        return LastError.Result(got);
    }

    /// <summary>write(2) from any address.</summary>
    public static SysResult Write(FileDescriptor file, ulong address, ulong count)
    {
        // SAFETY: as in WriteAt.
        long put;
        while ((put = write(file, (void*)address, (nuint)count)) < 0 && LastError.Errno == Errno.EINTR) { }
        return LastError.Result(put);
    }

    /// <summary>Unmaps the pages. Nothing may use them any more.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0) SysMemory.Unmap(Address, _mapped);
        GC.SuppressFinalize(this);
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint read(FileDescriptor file, void* to, nuint count);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint write(FileDescriptor file, void* from, nuint count);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint pread(FileDescriptor file, void* to, nuint count, long offset);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint pwrite(FileDescriptor file, void* from, nuint count, long offset);
}
