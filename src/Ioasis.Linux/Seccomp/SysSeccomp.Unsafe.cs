using System.Runtime.InteropServices;
using Ioasis.Abi;

namespace Ioasis.Linux.Seccomp;

/// <summary>seccomp(2).</summary>
internal static unsafe partial class SysSeccomp
{
    /// <summary>
    /// Installs a filter on the calling thread and returns the number of its listener. The thread must have
    /// no_new_privs. EBUSY if an existing filter has a listener.
    /// </summary>
    /// <param name="program">The filter.</param>
    /// <param name="waitKillable">Whether only a fatal signal may interrupt a call that is being answered; EOPNOTSUPP
    /// if the kernel does not support that.</param>
    public static SysResult Install(ReadOnlySpan<SockFilter> program, bool waitKillable)
    {
        // Without WAIT_KILLABLE_RECV (Linux 5.19), a signal may restart a call that is being answered.
        SysResult listener = Install(
            program, SeccompH.SECCOMP_FILTER_FLAG_NEW_LISTENER | SeccompH.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
        if (listener.Errno != Errno.EINVAL) return listener;
        return waitKillable ? Errno.EOPNOTSUPP : Install(program, SeccompH.SECCOMP_FILTER_FLAG_NEW_LISTENER);
    }

    private static SysResult Install(ReadOnlySpan<SockFilter> program, uint flags)
    {
        // SAFETY: the kernel copies the program during the call; it is pinned, and its length is passed.
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
