namespace Ioasis.Host.Filter;

/// <summary>Kinds of intercepted system calls, by the code that serves them.</summary>
internal enum CallKind : byte
{
    /// <summary>None that we serve.</summary>
    None,
    Ioctl,

    /// <summary>The ioctl that tells KVM of a VFIO file.</summary>
    KvmIoctl,
    Pread,
    Pwrite,
    Preadv,
    Pwritev,
    Preadv2,
    Pwritev2,
    Mmap,

    /// <summary>fallocate(2), which no node supports.</summary>
    Fallocate,

    /// <summary>splice(2) and copy_file_range(2), which no node supports.</summary>
    Splice,

    /// <summary>Writes to an attribute of sysfs.</summary>
    Write,
    Writev,
    Exec,

    /// <summary>Takes memory or a permission away.</summary>
    Unmap,
    Open,
    Openat,
    Openat2,
    Creat,
    Stat,
    Lstat,
    Fstat,
    Newfstatat,
    Statx,
    Access,
    Faccessat,
    Faccessat2,
    Readlink,
    Readlinkat,
    Getxattr,
    Lgetxattr,
    Listxattr,
    Llistxattr,
    Setxattr,
    Lsetxattr,
    Statfs,
    Fstatfs,
    Chmod,
    Fchmod,
    Fchmodat,
    Fchmodat2,
    Chown,
    Lchown,
    Fchown,
    Fchownat,
    Chdir,
    Getcwd,

    /// <summary>A program restricts itself by Landlock.</summary>
    Landlock,
}
