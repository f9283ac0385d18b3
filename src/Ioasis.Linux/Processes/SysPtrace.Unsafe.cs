using System.Runtime.InteropServices;
using Ioasis.Abi;

namespace Ioasis.Linux.Processes;

/// <summary>
/// ptrace(2): what stopping a thread once needs, and what following all calls of a program needs. All requests on a
/// thread must come from the OS thread that seized it.
/// </summary>
internal static unsafe partial class SysPtrace
{
    private const nint PTRACE_GETREGS = 12, PTRACE_SETREGS = 13, PTRACE_DETACH = 17, PTRACE_SYSCALL = 24,
        PTRACE_SEIZE = 0x4206, PTRACE_INTERRUPT = 0x4207,
        PTRACE_LISTEN = 0x4208, PTRACE_GETSIGMASK = 0x420a, PTRACE_SETSIGMASK = 0x420b,
        PTRACE_GET_SYSCALL_INFO = 0x420e;

    /// <summary>PTRACE_O_TRACESYSGOOD: distinguishes a stop at a system call from a SIGTRAP.</summary>
    public const nint TraceSyscallsGood = 1;

    /// <summary>
    /// The options for following a program: what it forks or clones is traced from its first instruction on, exec is
    /// told as an event, and all of it is killed when its tracer ends.
    /// </summary>
    public const nint FollowAll = TraceSyscallsGood | 0x2 | 0x4 | 0x8 | 0x10 | 0x100000;

    /// <summary>
    /// Makes the calling OS thread the tracer of a thread, which keeps running. EPERM if another tracer has it or we
    /// may not trace it.
    /// </summary>
    public static Errno Seize(int thread, nint options = 0) =>
        LastError.Of(ptrace(PTRACE_SEIZE, thread, null, options));

    /// <summary>
    /// Stops a seized thread before it next returns to user mode. A call in which only fatal signals end the wait runs
    /// to its end first.
    /// </summary>
    public static Errno Interrupt(int thread) => LastError.Of(ptrace(PTRACE_INTERRUPT, thread, null, 0));

    /// <summary>
    /// Resumes a stopped thread without tracing, with a signal if that is not 0. ESRCH if it was killed.
    /// </summary>
    public static Errno Detach(int thread, int signal) => LastError.Of(ptrace(PTRACE_DETACH, thread, null, signal));

    /// <summary>Resumes a stopped thread until it next enters or leaves a system call.</summary>
    /// <param name="thread">The thread.</param>
    /// <param name="signal">A signal that it gets; 0 for none.</param>
    public static Errno ResumeToSyscall(int thread, int signal = 0) =>
        LastError.Of(ptrace(PTRACE_SYSCALL, thread, null, signal));

    /// <summary>Leaves a thread of a stopped process stopped, until the process is continued.</summary>
    public static Errno Listen(int thread) => LastError.Of(ptrace(PTRACE_LISTEN, thread, null, 0));

    /// <summary>The system call that a stopped thread enters or leaves.</summary>
    public static Errno GetSyscall(int thread, out SyscallStop stop)
    {
        // SAFETY: the struct has the kernel's layout, and its size is passed in place of an address.
        fixed (SyscallStop* at = &stop)
        {
            return LastError.Of(ptrace(PTRACE_GET_SYSCALL_INFO, thread, (void*)sizeof(SyscallStop), (nint)at));
        }
    }

    /// <summary>The registers of a stopped thread.</summary>
    public static Errno GetRegisters(int thread, out ThreadRegisters registers)
    {
        // SAFETY: the struct has the kernel's layout and is pinned; the same below.
        fixed (ThreadRegisters* at = &registers) return LastError.Of(ptrace(PTRACE_GETREGS, thread, null, (nint)at));
    }

    /// <summary>Sets the registers of a stopped thread.</summary>
    public static Errno SetRegisters(int thread, in ThreadRegisters registers)
    {
        fixed (ThreadRegisters* at = &registers) return LastError.Of(ptrace(PTRACE_SETREGS, thread, null, (nint)at));
    }

    /// <summary>The signal mask of a stopped thread.</summary>
    public static Errno GetSignalMask(int thread, out ulong mask)
    {
        // SAFETY: the kernel's sigset_t has 64 bits, and its size is passed in place of an address; the same below.
        fixed (ulong* at = &mask)
            return LastError.Of(ptrace(PTRACE_GETSIGMASK, thread, (void*)sizeof(ulong), (nint)at));
    }

    /// <summary>Sets the signal mask of a stopped thread.</summary>
    public static Errno SetSignalMask(int thread, ulong mask) =>
        LastError.Of(ptrace(PTRACE_SETSIGMASK, thread, (void*)sizeof(ulong), (nint)(&mask)));

    // SAFETY: no other request reads or writes our memory: address is null, and data is a number.
    [LibraryImport("libc", SetLastError = true)]
    private static partial nint ptrace(nint request, int thread, void* address, nint data);
}
