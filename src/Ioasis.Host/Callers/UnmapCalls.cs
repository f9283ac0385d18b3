using Ioasis.Abi;
using Ioasis.Host.Filter;
using Ioasis.Host.Launch;
using Ioasis.Host.Serving;
using Ioasis.Linux.Processes;
using Ioasis.Linux.Seccomp;

namespace Ioasis.Host.Callers;

/// <summary>
/// Calls by which a process gives up memory. If devices are bound to it, none of their accesses is under way during
/// such a call, so accesses that began earlier have ended when it returns (<see cref="RunOptions.StrictSva"/>).
/// </summary>
/// <remarks>
/// The kernel must do the call, and we must know when it has. So we keep accesses out, and seize and interrupt the
/// thread while it waits for our answer. It then runs to the end of the call and stops before it returns to user mode.
/// There we let accesses in again and release the thread.
/// </remarks>
internal sealed class UnmapCalls(SeccompListener listener, CallerTable callers, Tracees tracees)
{
    // A thread that disappears in another thread's exec reports no event.
    private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(100);

    private int _told;

    /// <summary>Whether an mmap(2) replaces existing mappings.</summary>
    public static bool Replaces(in SeccompNotif call) => (call.Data.Args[3] & MemoryFlags.MAP_FIXED) != 0;

    /// <summary>Lets the kernel do the call. The thread returns from it when earlier accesses have ended.</summary>
    public Answer Serve(in SeccompNotif call)
    {
        if (!callers.TryFindBound(call, out CallerProcess? process)) return Answer.Continue;
        int thread = (int)call.Pid;
        Tracee tracee = tracees.Expect(thread);
        try
        {
            Errno errno = SysPtrace.Seize(thread);
            if (errno == Errno.EPERM) TellOnce(thread);
            if (errno != Errno.None) return Answer.Continue;
            // From here on the thread stops or ends, even if it is no longer the thread that called.
            SysPtrace.Interrupt(thread);
            if (DoWithoutAccesses(call, process, tracee) is { Trapped: true } state)
                SysPtrace.Detach(thread, state.TrappedSignal);
            return Answer.Sent;
        }
        finally { tracees.Forget(thread, tracee); }
    }

    private ChildState DoWithoutAccesses(in SeccompNotif call, CallerProcess process, Tracee tracee)
    {
        process.Memory.Changes.Begin();
        try
        {
            listener.Send(Answer.Continue.ToResponse(call.Id));
            ChildState state;
            while (!tracee.TryAwait(out state, s_patience) && ThreadStatus.IsTraced((int)call.Pid)) { }
            return state;
        }
        finally { process.Memory.Changes.End(); }
    }

    private void TellOnce(int thread)
    {
        if (Interlocked.Exchange(ref _told, 1) == 0)
            ErrorOutput.Say($"--strict-sva: thread {thread} is traced by another, or may not be traced: what it unmaps "
                + "is not waited for");
    }
}
