using System.Runtime.InteropServices;
using Ioasis.Abi;

namespace Ioasis.Linux.Processes;

/// <summary>ptrace(2), as far as stopping a thread once takes it. All requests on a thread come from the OS thread that seized it.</summary>
internal static unsafe partial class SysPtrace
{
    private const nint PTRACE_DETACH = 17, PTRACE_SEIZE = 0x4206, PTRACE_INTERRUPT = 0x4207;

    /// <summary>Makes the calling OS thread the tracer of a thread, which goes on. EPERM: another traces it, or it may not be traced by us.</summary>
    public static Errno Seize(int thread) => LastError.Of(ptrace(PTRACE_SEIZE, thread, null, 0));

    /// <summary>Stops a seized thread before it next returns to user mode; a call that it waits in only for fatal signals goes on till its end.</summary>
    public static Errno Interrupt(int thread) => LastError.Of(ptrace(PTRACE_INTERRUPT, thread, null, 0));

    /// <summary>Lets a stopped thread go, with a signal if that is not 0. ESRCH: it was killed.</summary>
    public static Errno Detach(int thread, int signal) => LastError.Of(ptrace(PTRACE_DETACH, thread, null, signal));

    // SAFETY: none of these requests reads or writes memory of ours: address is null, and data is a number.
    [LibraryImport("libc", SetLastError = true)]
    private static partial nint ptrace(nint request, int thread, void* address, nint data);
}
