using Ioasis.Abi;
using Ioasis.Host.Launch;
using Ioasis.Host.Serving;
using Ioasis.Linux.Files;
using Ioasis.Linux.Processes;
using Ioasis.Linux.Seccomp;

namespace Ioasis.Host.Callers;

/// <summary>
/// Makes a directory the working directory of a caller. Only a process itself can do that; so the thread, which waits
/// in its chdir(2), is made to do fchdir(2) in its place: it is seized, gets the directory, stops before it returns
/// from the call, and does two others before it does.
/// </summary>
/// <remarks>All requests of ptrace(2) come from the thread of ours that serves the call.</remarks>
internal sealed class DirectoryChanges(SeccompListener listener, Tracees tracees)
{
    private const int Fchdir = 81, Close = 3, SyscallLength = 2; // the instruction's bytes

    // A thread that another one's exec replaces is gone without an event.
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
            // From here on it stops, or ends, even if it is no longer the thread that called: then nothing of it is
            // touched.
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
        // No handler may run before the call has its result.
        if (SysPtrace.GetRegisters(thread, out ThreadRegisters registers) != Errno.None
            || SysPtrace.GetSignalMask(thread, out ulong mask) != Errno.None
            || SysPtrace.SetSignalMask(thread, ulong.MaxValue) != Errno.None) return;
        ulong result = unchecked((ulong)-(long)Errno.EINTR);
        if (!TryCall(thread, tracee, registers, Fchdir, descriptor, ref signal, ref result)) return;
        ulong closed = 0;
        if (!TryCall(thread, tracee, registers, Close, descriptor, ref signal, ref closed)) return;
        registers.Rax = result;
        registers.OrigRax = ulong.MaxValue; // no call, so that none is begun anew
        SysPtrace.SetRegisters(thread, registers);
        SysPtrace.SetSignalMask(thread, mask);
    }

    // Lets the thread do a system call with one argument. False when it is gone.
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
                // SIGSTOP cannot be blocked; it is given to the thread in the end.
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
            ErrorOutput.Say($"thread {thread} is traced "
                + $"by another, or may not be traced: it cannot change to a directory that the host does not have");
    }
}
