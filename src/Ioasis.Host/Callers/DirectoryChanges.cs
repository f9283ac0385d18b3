using Ioasis.Abi;
using Ioasis.Host.Launch;
using Ioasis.Host.Serving;
using Ioasis.Linux.Files;
using Ioasis.Linux.Processes;
using Ioasis.Linux.Seccomp;

namespace Ioasis.Host.Callers;

/// <summary>
/// Changes the working directory of a caller. Only a process can change its own, so its thread, which waits in
/// chdir(2), is made to call fchdir(2): we seize it, install the directory's descriptor, stop it before it returns from
/// the call, and make it do two other calls first.
/// </summary>
/// <remarks>All ptrace(2) requests come from the thread of ours that serves the call.</remarks>
internal sealed class DirectoryChanges(SeccompListener listener, Tracees tracees)
{
    private const int Fchdir = 81, Close = 3, SyscallLength = 2; // SyscallLength: bytes of the instruction

    // A thread that disappears in another thread's exec reports no event.
    private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(100);

    private int _told;

    /// <summary>Answers a chdir(2).</summary>
    /// <param name="call">The call.</param>
    /// <param name="directory">The directory.</param>
    public Answer Answer(in SeccompNotif call, FileDescriptor directory)
    {
        int thread = (int)call.Pid;
        Tracee tracee = tracees.Expect(thread);
        try
        {
            Errno errno = SysPtrace.Seize(thread, SysPtrace.TraceSyscallsGood);
            if (errno == Errno.EPERM) TellOnce(thread);
            if (errno != Errno.None) return Errno.EACCES;
            // From here on the thread stops or ends, even if it is no longer the thread that called. In that case it is
            // left untouched.
            SysResult placed = listener.PlaceFile(call.Id, directory, closeOnExec: true, answers: false);
            SysPtrace.Interrupt(thread);
            bool isOurs = listener.Send(((Answer)placed.Errno).ToResponse(call.Id)) == Errno.None || placed.IsOk;
            if (!TryAwait(thread, tracee, out ChildState state)) return Serving.Answer.Sent;
            int signal = state.TrappedSignal;
            if (placed.IsOk && isOurs) ChangeStopped(thread, tracee, (ulong)placed.Value, ref signal);
            SysPtrace.Detach(thread, signal);
            return Serving.Answer.Sent;
        }
        finally
        {
            tracees.Forget(thread, tracee);
        }
    }

    private static void ChangeStopped(int thread, Tracee tracee, ulong descriptor, ref int signal)
    {
        // Blocks all signals: no handler may run before the call has its result.
        if (SysPtrace.GetRegisters(thread, out ThreadRegisters registers) != Errno.None
            || SysPtrace.GetSignalMask(thread, out ulong mask) != Errno.None
            || SysPtrace.SetSignalMask(thread, ulong.MaxValue) != Errno.None) return;
        ulong result = unchecked((ulong)-(long)Errno.EINTR);
        if (!TryCall(thread, tracee, registers, Fchdir, descriptor, ref signal, ref result)) return;
        ulong closed = 0;
        if (!TryCall(thread, tracee, registers, Close, descriptor, ref signal, ref closed)) return;
        registers.Rax = result;
        registers.OrigRax = ulong.MaxValue; // not in a system call, so the kernel restarts none
        SysPtrace.SetRegisters(thread, registers);
        SysPtrace.SetSignalMask(thread, mask);
    }

    // Makes the thread do a system call with one argument. False if the thread is gone.
    private static bool TryCall(int thread, Tracee tracee, ThreadRegisters registers, int number, ulong argument,
        ref int signal, ref ulong result)
    {
        registers.Rax = (ulong)number;
        registers.OrigRax = ulong.MaxValue;
        registers.Rdi = argument;
        registers.Rip -= SyscallLength;
        if (SysPtrace.SetRegisters(thread, registers) != Errno.None) return false;
        for (int stops = 0; stops < 2; stops++)
        {
            ChildState state;
            do
            {
                if (SysPtrace.ResumeToSyscall(thread) != Errno.None || !TryAwait(thread, tracee, out state))
                    return false;
                // SIGSTOP cannot be blocked. The thread receives it at the end.
                if (!state.AtSyscall && state.TrappedSignal != 0) signal = state.TrappedSignal;
            }
            while (!state.AtSyscall);
        }

        if (SysPtrace.GetRegisters(thread, out registers) != Errno.None) return false;
        result = registers.Rax;
        return true;
    }

    private static bool TryAwait(int thread, Tracee tracee, out ChildState state)
    {
        while (!tracee.TryAwait(out state, s_patience))
            if (!ThreadStatus.IsTraced(thread)) return false;
        return state.Trapped;
    }

    private void TellOnce(int thread)
    {
        if (Interlocked.Exchange(ref _told, 1) == 0)
            ErrorOutput.Say($"thread {thread} is traced by another, or may not be traced: it cannot change to a "
                + "directory that the host does not have");
    }
}
