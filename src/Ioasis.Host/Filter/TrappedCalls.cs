using Ioasis.Abi;
using Ioasis.Linux;

namespace Ioasis.Host.Filter;

/// <summary>The one table of intercepted calls. The filter and the dispatch are built from it.</summary>
internal static class TrappedCalls
{
    /// <summary>
    /// Lowest file offset of our nodes' regions. Calls with a smaller offset need not be stopped, and few files are
    /// that large.
    /// </summary>
    public const ulong LowestRegionOffset = 1UL << 40;

    /// <summary>A text is written to an attribute with at most so many vectors.</summary>
    public const uint MostVectors = 7;

    /// <summary>The ioctl types of our nodes: iommufd and VFIO share one; the other is vhost's.</summary>
    public static ReadOnlySpan<byte> IoctlTypes => [(byte)';', 0xAF];

    /// <summary>
    /// The one ioctl of KVM that is stopped: it tells KVM of a VFIO file. No ioctl that runs a virtual machine is
    /// stopped.
    /// </summary>
    public const uint KvmIoctl = KvmH.KVM_SET_DEVICE_ATTR;

    /// <summary>The table, with frequent calls first.</summary>
    public static ReadOnlySpan<TrappedCall> All => s_all;

    /// <summary>
    /// The table for <see cref="RunOptions.StrictSva"/>: also all calls by which a process revokes its own memory.
    /// </summary>
    public static ReadOnlySpan<TrappedCall> Strict => s_strict;

    private static readonly TrappedCall[] s_all =
    [
        new(SyscallNumbers.Ioctl, CallKind.Ioctl, ArgumentCondition.OurIoctl, 1),
        new(SyscallNumbers.Pread64, CallKind.Pread, ArgumentCondition.RegionOffset, 3),
        new(SyscallNumbers.Pwrite64, CallKind.Pwrite, ArgumentCondition.RegionOffset, 3),
        new(SyscallNumbers.Mmap, CallKind.Mmap, ArgumentCondition.FileMapping, 3),
        new(SyscallNumbers.Preadv, CallKind.Preadv, ArgumentCondition.RegionOffset, 3),
        new(SyscallNumbers.Pwritev, CallKind.Pwritev, ArgumentCondition.RegionOffset, 3),
        new(SyscallNumbers.Preadv2, CallKind.Preadv2, ArgumentCondition.RegionOffset, 3),
        new(SyscallNumbers.Pwritev2, CallKind.Pwritev2, ArgumentCondition.RegionOffset, 3),
        new(SyscallNumbers.Openat, CallKind.Openat),
        new(SyscallNumbers.Open, CallKind.Open),
        new(SyscallNumbers.Openat2, CallKind.Openat2),
        new(SyscallNumbers.Creat, CallKind.Creat),
        new(SyscallNumbers.Newfstatat, CallKind.Newfstatat),
        new(SyscallNumbers.Fstat, CallKind.Fstat),
        new(SyscallNumbers.Stat, CallKind.Stat),
        new(SyscallNumbers.Lstat, CallKind.Lstat),
        new(SyscallNumbers.Statx, CallKind.Statx),
        new(SyscallNumbers.Access, CallKind.Access),
        new(SyscallNumbers.Faccessat, CallKind.Faccessat),
        new(SyscallNumbers.Faccessat2, CallKind.Faccessat2),
        new(SyscallNumbers.Readlink, CallKind.Readlink),
        new(SyscallNumbers.Readlinkat, CallKind.Readlinkat),
        new(SyscallNumbers.Getxattr, CallKind.Getxattr),
        new(SyscallNumbers.Lgetxattr, CallKind.Lgetxattr),
        new(SyscallNumbers.Listxattr, CallKind.Listxattr),
        new(SyscallNumbers.Llistxattr, CallKind.Llistxattr),
        new(SyscallNumbers.Statfs, CallKind.Statfs),
        new(SyscallNumbers.Fstatfs, CallKind.Fstatfs),
        new(SyscallNumbers.Chdir, CallKind.Chdir),
        new(SyscallNumbers.Getcwd, CallKind.Getcwd),
        new(SyscallNumbers.Chmod, CallKind.Chmod),
        new(SyscallNumbers.Fchmod, CallKind.Fchmod),
        new(SyscallNumbers.Fchmodat, CallKind.Fchmodat),
        new(SyscallNumbers.Fchmodat2, CallKind.Fchmodat2),
        new(SyscallNumbers.Chown, CallKind.Chown),
        new(SyscallNumbers.Lchown, CallKind.Lchown),
        new(SyscallNumbers.Fchown, CallKind.Fchown),
        new(SyscallNumbers.Fchownat, CallKind.Fchownat),
        new(SyscallNumbers.Setxattr, CallKind.Setxattr),
        new(SyscallNumbers.Lsetxattr, CallKind.Lsetxattr),
        new(SyscallNumbers.LandlockRestrictSelf, CallKind.Landlock),
        new(SyscallNumbers.Execve, CallKind.Exec),
        new(SyscallNumbers.Execveat, CallKind.Exec),
        new(SyscallNumbers.Fallocate, CallKind.Fallocate),
        new(SyscallNumbers.Splice, CallKind.Splice, ArgumentCondition.OffsetGiven, 1),
        new(SyscallNumbers.CopyFileRange, CallKind.Splice, ArgumentCondition.OffsetGiven, 1),
    ];

    private static readonly TrappedCall[] s_strict =
    [
        .. s_all.Where(call => call.Number != SyscallNumbers.Mmap),
        new(SyscallNumbers.Mmap, CallKind.Mmap, ArgumentCondition.FileOrFixedMapping, 3),
        new(SyscallNumbers.Munmap, CallKind.Unmap),
        new(SyscallNumbers.Mprotect, CallKind.Unmap, ArgumentCondition.LessProtection, 2),
        new(SyscallNumbers.Madvise, CallKind.Unmap, ArgumentCondition.DiscardAdvice, 2),
        new(SyscallNumbers.Brk, CallKind.Unmap),
        new(SyscallNumbers.Mremap, CallKind.Unmap),
        new(SyscallNumbers.Shmat, CallKind.Unmap, ArgumentCondition.Remap, 2),
        new(SyscallNumbers.Shmdt, CallKind.Unmap),
        new(SyscallNumbers.RemapFilePages, CallKind.Unmap),
        new(SyscallNumbers.PkeyMprotect, CallKind.Unmap, ArgumentCondition.LessProtection, 2),
        new(SyscallNumbers.ProcessMadvise, CallKind.Unmap, ArgumentCondition.DiscardAdvice, 3),
    ];

    private static readonly TrappedCall[] s_writes =
    [
        new(SyscallNumbers.Write, CallKind.Write, ArgumentCondition.MessageSize, 2),
        new(SyscallNumbers.Pwrite64, CallKind.Pwrite, ArgumentCondition.MessageSizeOrRegionOffset, 2),
    ];

    private static readonly TrappedCall[] s_vectored =
        [new(SyscallNumbers.Writev, CallKind.Writev, ArgumentCondition.Few, 2)];

    /// <summary>The table of a program's filter.</summary>
    public static IReadOnlyList<TrappedCall> Of(bool strict, WriteRule writes)
    {
        TrappedCall[] table = strict ? s_strict : s_all;
        if (writes.Ranges.Count != 0)
            table = [.. table.Where(call => call.Number != SyscallNumbers.Pwrite64), .. s_writes];
        return writes.Vectored ? [.. table, .. s_vectored] : table;
    }

    private static readonly CallKind[] s_byNumber = ByNumber();

    /// <summary>The kind of a call.</summary>
    public static CallKind KindOf(in SeccompData call) =>
        KindOf(call.Nr) is var kind && kind == CallKind.Ioctl && (uint)call.Args[1] == KvmIoctl
            ? CallKind.KvmIoctl
            : kind;

    /// <summary>The kind of calls with this number.</summary>
    public static CallKind KindOf(int number) =>
        (uint)number < (uint)s_byNumber.Length ? s_byNumber[number] : CallKind.None;

    private static CallKind[] ByNumber()
    {
        var kinds = new CallKind[SyscallNumbers.Fchmodat2 + 1];
        foreach (TrappedCall call in (TrappedCall[])[.. s_strict, .. s_writes, .. s_vectored])
            kinds[call.Number] = call.Kind;
        return kinds;
    }
}
