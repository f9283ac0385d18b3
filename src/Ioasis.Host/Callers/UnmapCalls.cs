using Ioasis.Abi;
using Ioasis.Host.Filter;
using Ioasis.Host.Launch;
using Ioasis.Host.Serving;
using Ioasis.Linux.Seccomp;

namespace Ioasis.Host.Callers;

/// <summary>
/// Calls by which a process gives up memory. If devices are bound to it, none of their accesses is under way during
/// such a call, so accesses that began earlier have ended when it returns (<see cref="RunOptions.StrictSva"/>).
/// </summary>
/// <remarks>
/// The kernel must do the call, and we must know when it has. So we keep accesses out until the thread stops at the end
/// of the call (<see cref="CallEnd"/>).
/// </remarks>
internal sealed class UnmapCalls(SeccompListener listener, CallerTable callers, Tracees tracees)
{
    private int _told;

    /// <summary>Whether an mmap(2) replaces existing mappings.</summary>
    public static bool Replaces(in SeccompNotif call) => (call.Data.Args[3] & MemoryFlags.MAP_FIXED) != 0;

    /// <summary>Lets the kernel do the call. The thread returns from it when earlier accesses have ended.</summary>
    public Answer Serve(in SeccompNotif call)
    {
        if (!callers.TryFindBound(call, out CallerProcess? process)) return Answer.Continue;
        Errno errno = CallEnd.TryBegin((int)call.Pid, tracees, out CallEnd? end);
        if (errno == Errno.EPERM) TellOnce((int)call.Pid);
        if (errno != Errno.None) return Answer.Continue;
        using (end)
        {
            process.Memory.Changes.Begin();
            try
            {
                listener.Send(Answer.Continue.ToResponse(call.Id));
                end!.Await();
            }
            finally { process.Memory.Changes.End(); }
        }

        return Answer.Sent;
    }

    private void TellOnce(int thread)
    {
        if (Interlocked.Exchange(ref _told, 1) == 0)
            ErrorOutput.Say($"--strict-sva: thread {thread} is traced by another, or may not be traced: what it unmaps "
                + "is not waited for");
    }
}
