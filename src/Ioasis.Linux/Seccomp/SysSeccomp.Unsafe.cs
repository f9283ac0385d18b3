using System.Runtime.InteropServices;
using Ioasis.Abi;

namespace Ioasis.Linux.Seccomp;

/// <summary>seccomp(2).</summary>
internal static unsafe partial class SysSeccomp
{
    /// <summary>
    /// Puts a filter on the calling thread and returns the number of its listener. The thread must have no_new_privs.
    /// EBUSY says that a filter above already has a listener.
    /// </summary>
    /// <param name="program">The filter.</param>
    /// <param name="waitKillable">Whether a call that is being answered must wait on where something else than a fatal
    /// signal comes; EOPNOTSUPP if it cannot.</param>
    public static SysResult Install(ReadOnlySpan<SockFilter> program, bool waitKillable)
    {
        // Without WAIT_KILLABLE_RECV, which came with Linux 5.19, a signal may restart a call that was being answered.
        SysResult listener = Install(
            program, SeccompH.SECCOMP_FILTER_FLAG_NEW_LISTENER | SeccompH.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
        if (listener.Errno != Errno.EINVAL) return listener;
        return waitKillable ? Errno.EOPNOTSUPP : Install(program, SeccompH.SECCOMP_FILTER_FLAG_NEW_LISTENER);
    }

    private static SysResult Install(ReadOnlySpan<SockFilter> program, uint flags)
    {
        // SAFETY: the kernel copies the program during the call; it is pinned and its length is given.
        fixed (SockFilter* first = program)
        {
            var header = new SockFprog { Length = checked((ushort)program.Length), Filter = first };
            return LastError.Result(seccomp(SyscallNumbers.Seccomp, SeccompH.SECCOMP_SET_MODE_FILTER, flags, &header));
        }
    }

    /// <summary>struct sock_fprog of linux/filter.h.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct SockFprog
    {
        public ushort Length;
        public SockFilter* Filter;
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint seccomp(nint number, nuint operation, nuint flags, SockFprog* program);
}
