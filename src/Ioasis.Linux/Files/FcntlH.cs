namespace Ioasis.Linux.Files;

/// <summary>Constants of fcntl.h and linux/fcntl.h on x86-64. Names are Linux's own.</summary>
internal static class FcntlH
{
    public const int O_RDONLY = 0;
    public const int O_WRONLY = 1;
    public const int O_RDWR = 2;
    public const int O_ACCMODE = 3;
    public const int O_CREAT = 0x40;
    public const int O_EXCL = 0x80;
    public const int O_NOCTTY = 0x100;
    public const int O_TRUNC = 0x200;
    public const int O_APPEND = 0x400;
    public const int O_NONBLOCK = 0x800;
    public const int O_DIRECT = 0x4000;
    public const int O_DIRECTORY = 0x10000;
    public const int O_NOFOLLOW = 0x20000;
    public const int O_NOATIME = 0x40000;
    public const int O_CLOEXEC = 0x80000;
    public const int O_PATH = 0x200000;

    /// <summary>O_TMPFILE without O_DIRECTORY, which is part of it.</summary>
    public const int O_TMPFILE_BIT = 0x400000;

    public const int AT_FDCWD = -100;
    public const int AT_SYMLINK_NOFOLLOW = 0x100;
    public const int AT_EACCESS = 0x200;
    public const int AT_NO_AUTOMOUNT = 0x800;
    public const int AT_EMPTY_PATH = 0x1000;

    /// <summary>The mask of the two sync flags. Both together are EINVAL.</summary>
    public const int AT_STATX_SYNC_TYPE = 0x6000;

    /// <summary>Attributes that the file system has cached suffice; no server is asked.</summary>
    public const int AT_STATX_DONT_SYNC = 0x4000;

    public const int F_DUPFD = 0;
    public const int F_DUPFD_CLOEXEC = 1030;
    public const int F_GETFD = 1;
    public const int F_SETFD = 2;
    public const int F_GETFL = 3;
    public const int F_SETFL = 4;
    public const int F_SETLEASE = 1024;
    public const int F_ADD_SEALS = 1033;
    public const int F_GET_SEALS = 1034;
    public const int F_OFD_GETLK = 36;
    public const int F_OFD_SETLK = 37;
    public const int FD_CLOEXEC = 1;
    public const int F_RDLCK = 0;
    public const int F_WRLCK = 1;
    public const int F_UNLCK = 2;

    public const int F_SEAL_SEAL = 1;
    public const int F_SEAL_SHRINK = 2;
    public const int F_SEAL_GROW = 4;
    public const int F_SEAL_WRITE = 8;
    public const int F_SEAL_FUTURE_WRITE = 0x10;

    public const uint MFD_CLOEXEC = 1;
    public const uint MFD_ALLOW_SEALING = 2;
    public const uint MFD_NOEXEC_SEAL = 8;
    public const uint MFD_EXEC = 16;

    public const int SEEK_SET = 0;
    public const int LOCK_EX = 2;
    public const int LOCK_NB = 4;
}
