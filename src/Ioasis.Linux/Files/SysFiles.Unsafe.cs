using System.Runtime.InteropServices;
using Ioasis.Abi;
using Microsoft.Win32.SafeHandles;

namespace Ioasis.Linux.Files;

/// <summary>Calls on files and file descriptors. Each retries after EINTR and returns a value or an errno.</summary>
internal static unsafe partial class SysFiles
{
    /// <summary>open(2).</summary>
    public static Errno Open(string path, int flags, out FileDescriptor file, uint mode = 0) =>
        OpenAt(FcntlH.AT_FDCWD, path, flags, out file, mode);

    /// <summary>openat(2) below a directory.</summary>
    public static Errno OpenAt(FileDescriptor directory, string path, int flags, out FileDescriptor file, uint mode = 0)
    {
        bool held = false;
        directory.DangerousAddRef(ref held);
        try { return OpenAt(directory.Number, path, flags, out file, mode); }
        finally { if (held) directory.DangerousRelease(); }
    }

    /// <summary>read(2).</summary>
    public static SysResult Read(FileDescriptor file, Span<byte> destination)
    {
        // SAFETY: the span is pinned during the call, and its length bounds what the kernel writes; the same in all of
        // this class.
        fixed (byte* to = destination)
        {
            long got;
            while ((got = read(file, to, (nuint)destination.Length)) < 0 && LastError.Errno == Errno.EINTR) { }
            return LastError.Result(got);
        }
    }

    /// <summary>write(2).</summary>
    public static SysResult Write(FileDescriptor file, ReadOnlySpan<byte> source)
    {
        // SAFETY: as in Read.
        fixed (byte* from = source)
        {
            long put;
            while ((put = write(file, from, (nuint)source.Length)) < 0 && LastError.Errno == Errno.EINTR) { }
            return LastError.Result(put);
        }
    }

    /// <summary>pread(2).</summary>
    public static SysResult ReadAt(FileDescriptor file, Span<byte> destination, ulong offset)
    {
        // SAFETY: as in Read.
        fixed (byte* to = destination)
        {
            long got;
            while ((got = pread(file, to, (nuint)destination.Length, (long)offset)) < 0
                && LastError.Errno == Errno.EINTR) { }
            return LastError.Result(got);
        }
    }

    /// <summary>pwrite(2).</summary>
    public static SysResult WriteAt(FileDescriptor file, ReadOnlySpan<byte> source, ulong offset)
    {
        // SAFETY: as in Read.
        fixed (byte* from = source)
        {
            long put;
            while ((put = pwrite(file, from, (nuint)source.Length, (long)offset)) < 0
                && LastError.Errno == Errno.EINTR) { }
            return LastError.Result(put);
        }
    }

    /// <summary>
    /// pread(2) of a file that never blocks. Returns the bytes read, or -1. The garbage collector waits for a thread
    /// that is in this call.
    /// </summary>
    public static int ReadAtOnce(FileDescriptor file, Span<byte> destination, ulong offset)
    {
        // SAFETY: as in Read.
        fixed (byte* to = destination)
            return (int)pread_at_once(SyscallNumbers.Pread64, file, to, (nuint)destination.Length, (long)offset);
    }

    /// <summary>ioctl(2). The caller guarantees that <paramref name="argument"/> is valid for the command.</summary>
    public static SysResult Ioctl(FileDescriptor file, uint command, nint argument)
    {
        long value;
        while ((value = ioctl(file, command, argument)) < 0 && LastError.Errno == Errno.EINTR) { }
        return LastError.Result(value);
    }

    /// <summary>ioctl(2) with a struct that the kernel reads and writes.</summary>
    public static SysResult Ioctl<T>(FileDescriptor file, uint command, ref T argument) where T : unmanaged
    {
        // SAFETY: pinned during the call; the type is the command's.
        fixed (T* at = &argument) return Ioctl(file, command, (nint)at);
    }

    /// <summary>fstat(2).</summary>
    public static Errno Stat(FileDescriptor file, out LinuxStat stat) =>
        StatAt(file, "\0"u8, FcntlH.AT_EMPTY_PATH, out stat);

    /// <summary>newfstatat(2) below a directory. <paramref name="name"/> ends in a NUL.</summary>
    public static Errno StatAt(FileDescriptor directory, ReadOnlySpan<byte> name, int flags, out LinuxStat stat)
    {
        // SAFETY: both pinned during the call; the name ends in a NUL (checked), the struct is the kernel's.
        CheckTerminated(name);
        fixed (byte* path = name)
        fixed (LinuxStat* to = &stat)
            return LastError.Of(fstatat(SyscallNumbers.Newfstatat, directory, path, to, flags));
    }

    /// <summary>stat(2), or lstat(2).</summary>
    public static Errno Stat(string path, bool follow, out LinuxStat stat)
    {
        // SAFETY: the struct is the kernel's and pinned.
        fixed (LinuxStat* to = &stat)
            return LastError.Of(fstatat(SyscallNumbers.Newfstatat, FcntlH.AT_FDCWD, path, to,
                follow ? 0 : FcntlH.AT_SYMLINK_NOFOLLOW));
    }

    /// <summary>readlinkat(2). Returns the bytes written. <paramref name="name"/> ends in a NUL.</summary>
    public static SysResult ReadLinkAt(FileDescriptor directory, ReadOnlySpan<byte> name, Span<byte> text)
    {
        // SAFETY: as in StatAt.
        CheckTerminated(name);
        fixed (byte* path = name, to = text)
            return LastError.Result(readlinkat(directory, path, to, (nuint)text.Length));
    }

    /// <summary>readlink(2). Returns the bytes written.</summary>
    public static SysResult ReadLink(string path, Span<byte> text)
    {
        // SAFETY: as in Read.
        fixed (byte* to = text) return LastError.Result(readlink(path, to, (nuint)text.Length));
    }

    /// <summary>access(2), with the effective IDs.</summary>
    public static Errno Access(string path, int mode) =>
        LastError.Of(faccessat(FcntlH.AT_FDCWD, path, mode, FcntlH.AT_EACCESS));

    /// <summary>mkdir(2). The umask applies to <paramref name="mode"/>.</summary>
    public static Errno MakeDirectory(string path, uint mode) => LastError.Of(mkdir(path, mode));

    /// <summary>unlink(2).</summary>
    public static Errno Remove(string path) => LastError.Of(unlink(path));

    /// <summary>rename(2): replaces an existing target.</summary>
    public static Errno Rename(string from, string to) => LastError.Of(rename(from, to));

    /// <summary>
    /// mknod(2) of the character device 0:0, which anyone may make and nobody can open. The umask applies to
    /// <paramref name="mode"/>.
    /// </summary>
    public static Errno MakeEmptyDevice(string path, uint mode) =>
        LastError.Of(mknod(path, StatMode.S_IFCHR | mode, 0));

    /// <summary>memfd_create(2).</summary>
    public static Errno CreateMemfd(string name, uint flags, out FileDescriptor file)
    {
        file = memfd_create(name, flags);
        return file.IsInvalid ? LastError.Errno : Errno.None;
    }

    /// <summary>memfd_create(2) with a name that ends in a NUL.</summary>
    public static Errno CreateMemfd(ReadOnlySpan<byte> name, uint flags, out FileDescriptor file)
    {
        // SAFETY: as in StatAt.
        CheckTerminated(name);
        fixed (byte* text = name) file = memfd_create(text, flags);
        return file.IsInvalid ? LastError.Errno : Errno.None;
    }

    /// <summary>
    /// memfd_create(2) of a file that can be executed. EACCES if the host forbids that (vm.memfd_noexec).
    /// </summary>
    public static Errno CreateExecutable(string name, out FileDescriptor file)
    {
        Errno errno = CreateMemfd(name, FcntlH.MFD_CLOEXEC | FcntlH.MFD_EXEC, out file);
        // Linux before 6.3 does not know the flag, and lets every such file be executed.
        return errno == Errno.EINVAL ? CreateMemfd(name, FcntlH.MFD_CLOEXEC, out file) : errno;
    }

    /// <summary>ftruncate(2).</summary>
    public static Errno Truncate(FileDescriptor file, ulong length) => LastError.Of(ftruncate(file, (long)length));

    /// <summary>fallocate(2) that frees bytes; they read as zero afterwards.</summary>
    public static Errno PunchHole(FileDescriptor file, ulong offset, ulong length)
    {
        const int FALLOC_FL_KEEP_SIZE = 1, FALLOC_FL_PUNCH_HOLE = 2;
        return LastError.Of(fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (long)offset, (long)length));
    }

    /// <summary>The same for a file that .NET has opened; false if its file system cannot.</summary>
    public static bool TryPunchHole(SafeFileHandle file, long offset, long length)
    {
        bool isHeld = false;
        try
        {
            file.DangerousAddRef(ref isHeld);
            using var descriptor = new FileDescriptor((int)file.DangerousGetHandle(), owned: false);
            return PunchHole(descriptor, (ulong)offset, (ulong)length) == Errno.None;
        }
        finally
        {
            if (isHeld) file.DangerousRelease();
        }
    }

    /// <summary>lseek(2).</summary>
    public static SysResult Seek(FileDescriptor file, long offset, int whence) =>
        LastError.Result(lseek(file, offset, whence));

    /// <summary>fcntl(2) with an integer argument.</summary>
    public static SysResult Fcntl(FileDescriptor file, int command, nint argument = 0) =>
        LastError.Result(fcntl(file, command, argument));

    /// <summary>
    /// Locks one byte for an open file description (F_OFD_SETLK) until its last close. EAGAIN if another description
    /// holds the lock.
    /// </summary>
    /// <param name="file">The file.</param>
    /// <param name="offset">The byte.</param>
    /// <param name="shared">Whether the lock is one for reading, which a file that cannot be written can have.</param>
    public static Errno LockByte(FileDescriptor file, ulong offset, bool shared = false)
    {
        FileLock wanted = FileLock.OfByte(offset);
        if (shared) wanted.Type = FcntlH.F_RDLCK;
        // SAFETY: struct flock outlives the call.
        return Fcntl(file, FcntlH.F_OFD_SETLK, (nint)(&wanted)).Errno;
    }

    /// <summary>Whether another open file description of the same inode has locked a byte (F_OFD_GETLK).</summary>
    public static bool IsByteLocked(FileDescriptor file, ulong offset)
    {
        FileLock wanted = FileLock.OfByte(offset);
        // SAFETY: as in LockByte; the kernel writes to it.
        return Fcntl(file, FcntlH.F_OFD_GETLK, (nint)(&wanted)).IsOk && wanted.Type != FcntlH.F_UNLCK;
    }

    /// <summary>fchmod(2).</summary>
    public static Errno ChangeMode(FileDescriptor file, uint mode) => LastError.Of(fchmod(file, mode));

    /// <summary>chmod(2).</summary>
    public static Errno ChangeMode(string path, uint mode) => LastError.Of(chmod(path, mode));

    /// <summary>flock(2).</summary>
    public static Errno Lock(FileDescriptor file, int operation) => LastError.Of(flock(file, operation));

    /// <summary>dup2(2): makes a number refer to another open file.</summary>
    public static Errno DuplicateTo(FileDescriptor file, int number) => LastError.Of(dup2(file, number));

    /// <summary>
    /// socketpair(2): two connected stream sockets, closed on exec. <paramref name="flags"/>: O_NONBLOCK or 0.
    /// </summary>
    public static Errno CreateSocketPair(out FileDescriptor first, out FileDescriptor second, int flags = 0)
    {
        const int AF_UNIX = 1, SOCK_STREAM = 1, SOCK_CLOEXEC = 0x80000;
        int* pair = stackalloc int[2];
        // SAFETY: the kernel writes two numbers. SOCK_NONBLOCK is O_NONBLOCK.
        Errno errno = LastError.Of(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0, pair));
        bool ok = errno == Errno.None;
        first = new FileDescriptor(ok ? pair[0] : -1);
        second = new FileDescriptor(ok ? pair[1] : -1);
        return errno;
    }

    /// <summary>pipe2(2), closed on exec. <paramref name="flags"/>: O_NONBLOCK or 0.</summary>
    public static Errno CreatePipe(out FileDescriptor reads, out FileDescriptor writes, int flags)
    {
        int* pair = stackalloc int[2];
        // SAFETY: the kernel writes two numbers.
        Errno errno = LastError.Of(pipe2(pair, FcntlH.O_CLOEXEC | flags));
        bool ok = errno == Errno.None;
        reads = new FileDescriptor(ok ? pair[0] : -1);
        writes = new FileDescriptor(ok ? pair[1] : -1);
        return errno;
    }

    private static Errno OpenAt(int directory, string path, int flags, out FileDescriptor file, uint mode)
    {
        do file = openat(directory, path, flags | FcntlH.O_CLOEXEC, mode);
        while (file.IsInvalid && LastError.Errno == Errno.EINTR);
        return file.IsInvalid ? LastError.Errno : Errno.None;
    }

    private static void CheckTerminated(ReadOnlySpan<byte> name)
    {
        if (name.IsEmpty || name[^1] != 0) throw new ArgumentException("A path must end in a NUL.", nameof(name));
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int unlink(string path);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int rename(string from, string to);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial FileDescriptor openat(int directory, string path, int flags, uint mode);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint read(FileDescriptor file, byte* to, nuint count);

    // The raw system call: libc's function is a cancellation point and does more than that.
    [LibraryImport("libc", EntryPoint = "syscall")]
    [SuppressGCTransition]
    private static partial nint pread_at_once(nint number, FileDescriptor file, byte* to, nuint count, long offset);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint write(FileDescriptor file, byte* from, nuint count);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint pread(FileDescriptor file, byte* to, nuint count, long offset);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint pwrite(FileDescriptor file, byte* from, nuint count, long offset);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ioctl(FileDescriptor file, nuint command, nint argument);

    // The raw system call: glibc before 2.33 has no function of that name.
    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint fstatat(nint number, FileDescriptor directory, byte* path, LinuxStat* stat, nint flags);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint fstatat(nint number, nint directory, string path, LinuxStat* stat, nint flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint readlinkat(FileDescriptor directory, byte* path, byte* to, nuint size);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint readlink(string path, byte* to, nuint size);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int faccessat(int directory, string path, int mode, int flags);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int mkdir(string path, uint mode);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int mknod(string path, uint mode, ulong device);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial FileDescriptor memfd_create(string name, uint flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial FileDescriptor memfd_create(byte* name, uint flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ftruncate(FileDescriptor file, long length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fallocate(FileDescriptor file, int mode, long offset, long length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial long lseek(FileDescriptor file, long offset, int whence);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fcntl(FileDescriptor file, int command, nint argument);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fchmod(FileDescriptor file, uint mode);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int chmod(string path, uint mode);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int flock(FileDescriptor file, int operation);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int dup2(FileDescriptor file, int number);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int pipe2(int* pair, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int socketpair(int domain, int type, int protocol, int* pair);
}
