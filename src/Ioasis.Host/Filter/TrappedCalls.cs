using Ioasis.Abi;
using Ioasis.Linux;

namespace Ioasis.Host.Filter;

/// <summary>The one table of what is stopped and served; the filter and the dispatch are made from it.</summary>
internal static class TrappedCalls
{
    /// <summary>
    /// All regions of our nodes lie at or above this file offset, so that calls with a smaller one need not be stopped:
    /// few files are that large.
    /// </summary>
    public const ulong LowestRegionOffset = 1UL << 40;

    /// <summary>
    /// Bytes of the longest number that is written to an attribute: one byte less than programs write to an eventfd,
    /// which they do often.
    /// </summary>
    public const uint LongestNumber = 7;

    /// <summary>The types of the ioctls that our nodes have: iommufd and VFIO share one, vhost has the other.</summary>
    public static ReadOnlySpan<byte> IoctlTypes => [(byte)';', 0xAF];

    /// <summary>
    /// The one ioctl of KVM that is stopped: it tells KVM of a VFIO file. Never one that a virtual machine runs by.
    /// </summary>
    public const uint KvmIoctl = KvmH.KVM_SET_DEVICE_ATTR;

    /// <summary>The table; what programs do often comes first.</summary>
    public static ReadOnlySpan<TrappedCall> All => s_all;

    /// <summary>
    /// The table for a program whose devices are waited for when it takes memory away
    /// (<see cref="RunOptions.StrictSva"/>): all calls by which a process does that to itself.
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

    /// <summary>
    /// What is stopped too where an attribute of the machine can be written: what programs write a number with.
    /// </summary>
    public static ReadOnlySpan<TrappedCall> Attributes => s_attributes;

    private static readonly TrappedCall[] s_attributes =
    [
        new(SyscallNumbers.Write, CallKind.Write, ArgumentCondition.Few, 2),
        new(SyscallNumbers.Pwrite64, CallKind.Pwrite, ArgumentCondition.FewOrRegionOffset, 2),
        new(SyscallNumbers.Writev, CallKind.Writev, ArgumentCondition.Few, 2),
    ];

    /// <summary>The table of a program's filter.</summary>
    public static IReadOnlyList<TrappedCall> Of(bool strict, bool attributes)
    {
        TrappedCall[] table = strict ? s_strict : s_all;
        return attributes ? [.. table.Where(call => call.Number != SyscallNumbers.Pwrite64), .. s_attributes] : table;
    }

    private static readonly CallKind[] s_byNumber = ByNumber();

    /// <summary>What serves a call.</summary>
    public static CallKind KindOf(in SeccompData call) =>
        KindOf(call.Nr) is var kind && kind == CallKind.Ioctl
        && (uint)call.Args[1] == KvmIoctl ? CallKind.KvmIoctl : kind;

    /// <summary>What serves the calls of a number.</summary>
    public static CallKind KindOf(int number) =>
        (uint)number < (uint)s_byNumber.Length ? s_byNumber[number] : CallKind.None;

    private static CallKind[] ByNumber()
    {
        var kinds = new CallKind[SyscallNumbers.Fchmodat2 + 1];
        foreach (TrappedCall call in Of(strict: true, attributes: true)) kinds[call.Number] = call.Kind;
        return kinds;
    }
}
