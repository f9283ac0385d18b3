using Ioasis.Linux.Files;

namespace Ioasis.Host.Paths;

/// <summary>
/// Flags that the kernel refuses whatever the path is (fs/open.c, fs/stat.c). The kernel checks them first, so such
/// calls are left to it, and its version decides which flags it supports.
/// </summary>
internal static class PathFlags
{
    private const int AllOpen = 0x7FFFC3, WithPath = FcntlH.O_DIRECTORY | FcntlH.O_NOFOLLOW | FcntlH.O_PATH
        | FcntlH.O_CLOEXEC;
    private const int AllStat = FcntlH.AT_SYMLINK_NOFOLLOW | FcntlH.AT_NO_AUTOMOUNT | FcntlH.AT_EMPTY_PATH
        | FcntlH.AT_STATX_SYNC_TYPE;
    private const uint ReservedStatxMask = 0x80000000, Permissions = 7;

    /// <summary>The flags of open(2) and openat(2) as the kernel uses them: unknown ones are ignored.</summary>
    public static int ForOpen(int flags)
    {
        flags &= AllOpen;
        return (flags & FcntlH.O_PATH) != 0 ? flags & WithPath : flags;
    }

    /// <summary>Whether open(2) returns EINVAL for these flags.</summary>
    public static bool AreRefused(int flags)
    {
        if ((flags & FcntlH.O_CREAT) != 0 && (flags & FcntlH.O_DIRECTORY) != 0) return true;
        return (flags & FcntlH.O_TMPFILE_BIT) != 0
            && ((flags & FcntlH.O_DIRECTORY) == 0
                || (flags & FcntlH.O_ACCMODE) is not (FcntlH.O_WRONLY or FcntlH.O_RDWR));
    }

    /// <summary>Whether openat2(2) refuses a struct open_how.</summary>
    public static bool AreRefused(ulong flags, ulong mode, ulong resolve)
    {
        const int Creates = FcntlH.O_CREAT | FcntlH.O_TMPFILE_BIT;
        if ((flags & ~(ulong)AllOpen) != 0 || (resolve & ~PathScope.ValidResolve) != 0) return true;
        int known = (int)flags;
        if ((known & FcntlH.O_PATH) != 0 && (known & ~WithPath) != 0) return true;
        if ((known & Creates) != 0 ? (mode & ~(ulong)StatMode.S_IALLUGO) != 0 : mode != 0) return true;
        const ulong both = PathScope.RESOLVE_BENEATH | PathScope.RESOLVE_IN_ROOT;
        if ((resolve & both) == both) return true;
        // EAGAIN, because it would have to wait.
        if ((resolve & PathScope.RESOLVE_CACHED) != 0 && (known & (Creates | FcntlH.O_TRUNC)) != 0) return true;
        return AreRefused(known);
    }

    /// <summary>Whether newfstatat(2) refuses these flags.</summary>
    public static bool AreRefusedByStat(int flags) => (flags & ~AllStat) != 0;

    /// <summary>Whether statx(2) refuses these flags.</summary>
    public static bool AreRefusedByStatx(int flags, uint mask) =>
        AreRefusedByStat(flags) || (mask & ReservedStatxMask) != 0
        || (flags & FcntlH.AT_STATX_SYNC_TYPE) == FcntlH.AT_STATX_SYNC_TYPE;

    /// <summary>Whether access(2) and faccessat2(2) refuse these arguments.</summary>
    public static bool AreRefusedByAccess(int mode, int flags) =>
        (mode & ~(int)Permissions) != 0
        || (flags & ~(FcntlH.AT_EACCESS | FcntlH.AT_SYMLINK_NOFOLLOW | FcntlH.AT_EMPTY_PATH)) != 0;

    /// <summary>Whether fchownat(2) and fchmodat2(2) refuse these flags.</summary>
    public static bool AreRefusedByChange(int flags) =>
        (flags & ~(FcntlH.AT_SYMLINK_NOFOLLOW | FcntlH.AT_EMPTY_PATH)) != 0;
}
