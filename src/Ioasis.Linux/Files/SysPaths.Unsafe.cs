using System.Runtime.InteropServices;
using Ioasis.Abi;

namespace Ioasis.Linux.Files;

/// <summary>
/// Calls that resolve a path under special rules, and calls on files that were found so. Paths are bytes that end in a
/// NUL.
/// </summary>
internal static unsafe partial class SysPaths
{
    /// <summary>Fails at a link of /proc that leads to an open file, a working directory or a root.</summary>
    public const ulong RESOLVE_NO_MAGICLINKS = 2;

    /// <summary>Fails at any symbolic link.</summary>
    public const ulong RESOLVE_NO_SYMLINKS = 4;

    /// <summary>openat2(2) of an absolute path, closed on exec.</summary>
    public static Errno Open(ReadOnlySpan<byte> path, int flags, ulong resolve, out FileDescriptor file)
    {
        if (path.IsEmpty || path[^1] != 0) throw new ArgumentException("A path must end in a NUL.", nameof(path));
        ulong* how = stackalloc ulong[3] { (uint)(flags | FcntlH.O_CLOEXEC), 0, resolve }; // struct open_how
        nint number;
        // SAFETY: path and structure are pinned during the call; the path ends in a NUL (checked), and the structure
        // has 24 bytes.
        fixed (byte* at = path)
            while ((number = openat2(SyscallNumbers.Openat2, FcntlH.AT_FDCWD, at, how, 3 * sizeof(ulong))) < 0
                && LastError.Errno == Errno.EINTR) { }
        file = new FileDescriptor((int)number);
        return file.IsInvalid ? LastError.Errno : Errno.None;
    }

    /// <summary>faccessat2(2) of an open file, with the thread's file system IDs.</summary>
    public static Errno Access(FileDescriptor file, int mode)
    {
        byte nothing = 0;
        // SAFETY: the path is the empty string.
        return LastError.Of(faccessat2(SyscallNumbers.Faccessat2, file, &nothing, mode,
            FcntlH.AT_EMPTY_PATH | FcntlH.AT_EACCESS));
    }

    /// <summary>fstatfs(2), also of a file that was opened with O_PATH.</summary>
    public static Errno StatFileSystem(FileDescriptor file, out LinuxStatFs stat)
    {
        // SAFETY: the struct is the kernel's and pinned.
        fixed (LinuxStatFs* to = &stat) return LastError.Of(fstatfs(file, to));
    }

    /// <summary>statfs(2).</summary>
    public static Errno StatFileSystem(string path, out LinuxStatFs stat)
    {
        // SAFETY: as above.
        fixed (LinuxStatFs* to = &stat) return LastError.Of(statfs(path, to));
    }

    /// <summary>statx(2), following links; includes the mount's ID.</summary>
    public static Errno Statx(string path, out LinuxStatx stat)
    {
        // SAFETY: the struct is the kernel's and pinned.
        fixed (LinuxStatx* to = &stat)
            return LastError.Of(statx(SyscallNumbers.Statx, FcntlH.AT_FDCWD, path, 0,
                (nint)(LinuxStatx.BasicStats | LinuxStatx.MountIdKnown), to));
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint openat2(nint number, nint directory, byte* path, ulong* how, nint size);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint faccessat2(nint number, FileDescriptor directory, byte* path, nint mode, nint flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fstatfs(FileDescriptor file, LinuxStatFs* stat);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int statfs(string path, LinuxStatFs* stat);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint statx(nint number, nint directory, string path, nint flags, nint mask,
        LinuxStatx* stat);
}
