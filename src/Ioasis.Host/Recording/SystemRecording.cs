using Ioasis.Abi;
using Ioasis.Diagnostics.Record;
using Ioasis.Host.Callers;
using Ioasis.Host.Filter;
using Ioasis.Host.Launch;
using Ioasis.Iommufd.Files;
using Ioasis.Linux;
using Ioasis.Linux.Memory;
using Ioasis.Linux.Processes;
using Ioasis.Memory.Threads;

namespace Ioasis.Host.Recording;

/// <summary>
/// Runs a program on the nodes of the kernel beneath, and records its calls. The kernel serves them; the program is
/// traced, as by strace, and stops at the entry and at the exit of each system call.
/// </summary>
/// <remarks>One thread does all of it: only the thread that traces another may ask about it.</remarks>
internal sealed class SystemRecording
{
    private const int SIGSTOP = 19, SIGTSTP = 20, SIGTTOU = 22;
    private const int EventExec = 4, EventStop = 128;

    // ERESTARTSYS to ERESTART_RESTARTBLOCK: a signal came first, and the call is made again or was never made.
    private const long FirstRestart = -516, LastRestart = -512;

    private readonly SystemRecorder _recorder;
    private readonly SystemFiles _files;
    private readonly bool _withMemory;
    private readonly Dictionary<int, TracedProcess> _processes = [];
    private readonly Dictionary<int, TracedCalls> _calls = [];
    private readonly Dictionary<int, int> _processOf = [];
    private bool _hasFailed;

    private SystemRecording(SystemRecorder recorder, bool withMemory) =>
        (_recorder, _files, _withMemory) = (recorder, new SystemFiles(recorder), withMemory);

    /// <summary>Runs a program until it and all of its descendants have ended.</summary>
    /// <param name="options">The program.</param>
    /// <param name="recorder">Writes the recording.</param>
    /// <param name="withMemory">Whether the pages that calls map are recorded, not only their hash.</param>
    /// <returns>
    /// The program's exit code, 128 plus the signal that killed it, or one of <see cref="ExitCodes"/>.
    /// </returns>
    public static int Run(RunOptions options, SystemRecorder recorder, bool withMemory)
    {
        try
        {
            SysProcesses.BecomeSubreaper();
            using LaunchedProgram program = LaunchedProgram.Start(options, WriteRule.None);
            using var signals = new ProgramSignals(program.Pid);
            Errno errno = SysPtrace.Seize(program.Pid, SysPtrace.FollowAll);
            if (errno != Errno.None)
            {
                throw new IOException($"the program cannot be traced ({errno}); "
                    + "see /proc/sys/kernel/yama/ptrace_scope, and whether a container forbids ptrace(2)");
            }

            // It stops at each call, and goes on when we have seen that.
            HostThread.Start("ioasis launch", () => program.Go(isWatched: false), e =>
            {
                ErrorOutput.Say("starting the program", e);
                program.Dispose(); // it ends
            });
            return new SystemRecording(recorder, withMemory).Follow(program.Pid, signals);
        }
        catch (IOException e)
        {
            ErrorOutput.Say(e.Message);
            return ExitCodes.Failed;
        }
    }

    private int Follow(int program, ProgramSignals signals)
    {
        int exitCode = ExitCodes.Failed;
        while (SysProcesses.AwaitChild(out ChildState child) == Errno.None)
        {
            if (!SysProcesses.TryTakeChild(child.Pid, out child)) continue;
            if (child.Ended)
            {
                _calls.Remove(child.Pid);
                _processOf.Remove(child.Pid);
                Forget(child.Pid);
                if (child.Pid != program) continue;
                exitCode = child.ExitCode;
                signals.ProgramEnded();
            }
            else if (child.Trapped) Resume(child, program);
        }

        Try(_files.CloseAll);
        return exitCode;
    }

    private void Resume(in ChildState child, int program)
    {
        int thread = child.Pid, signal = child.Status & 0x7f;
        if (child.AtSyscall)
        {
            if (!_hasFailed) AtSyscall(thread);
            SysPtrace.ResumeToSyscall(thread);
            return;
        }

        switch (child.Status >> 8)
        {
            case EventStop when signal is SIGSTOP or (>= SIGTSTP and <= SIGTTOU):
                SysPtrace.Listen(thread);
                if (thread == program && signal != SIGSTOP) ProgramSignals.StopWith(program);
                return;
            case EventExec:
                _calls.Remove(thread);
                Forget(thread); // it has other memory now
                // Its other threads have ended, of which nothing is told where one of them called exec.
                foreach (int other in _processOf.Where(t => t.Value == thread).Select(t => t.Key).ToArray())
                    _processOf.Remove(other);
                break;
        }

        SysPtrace.ResumeToSyscall(thread, child.Status >> 8 == 0 ? signal : 0);
    }

    private void AtSyscall(int thread)
    {
        if (SysPtrace.GetSyscall(thread, out SyscallStop stop) != Errno.None) return;
        if (stop.IsEntry)
        {
            _calls.Remove(thread);
            if (IsMeant((int)stop.Value, stop.Arguments)) Try(() => Begin(thread, stop));
        }
        else if (_calls.Remove(thread, out TracedCalls? calls) && stop.Value is < FirstRestart or > LastRestart)
        {
            Try(() => calls.End(SysResult.FromKernelValue(stop.Value), _recorder));
        }
    }

    // What no node can have is not looked at: most calls of a program.
    private bool IsMeant(int number, in SyscallArguments arguments) => number switch
    {
        SyscallNumbers.Ioctl =>
            TrappedCalls.IoctlTypes.Contains((byte)((uint)arguments[1] >> Ioc.TypeShift)),
        SyscallNumbers.Mmap => _files.HasAny && (arguments[3] & SysMemory.MAP_ANONYMOUS) == 0,
        SyscallNumbers.Pread64 or SyscallNumbers.Pwrite64 or SyscallNumbers.Preadv or SyscallNumbers.Pwritev
            or SyscallNumbers.Preadv2 or SyscallNumbers.Pwritev2 or SyscallNumbers.Write => _files.HasAny,
        _ => false,
    };

    private void Begin(int thread, in SyscallStop stop)
    {
        int number = (int)stop.Value;
        int descriptor = (int)stop.Arguments[number == SyscallNumbers.Mmap ? 4 : 0];
        if (ProcessOf(thread) is not { } process) return;
        _files.Look();
        if (_files.Find(process, thread, descriptor) is not SystemFile file) return;
        var caller = new TracedCaller(process, thread, _files);
        var origin = new CallOrigin(thread, descriptor, process.Pid);
        if (TracedCalls.Begin(file, caller, origin, number, stop.Arguments, _withMemory) is { } calls)
            _calls[thread] = calls;
    }

    private TracedProcess? ProcessOf(int thread)
    {
        if (!_processOf.TryGetValue(thread, out int pid))
        {
            if (!ThreadStatus.TryReadProcess(thread, out pid)) return null;
            _processOf[thread] = pid;
        }

        if (_processes.TryGetValue(pid, out TracedProcess? process)) return process;
        process = TracedProcess.TryOpen(pid);
        if (process is not null) _processes.Add(pid, process);
        return process;
    }

    private void Forget(int pid)
    {
        if (_processes.Remove(pid, out TracedProcess? process)) process.Dispose();
    }

    // A recording that cannot be written ends; the program goes on.
    private void Try(Action act)
    {
        if (_hasFailed) return;
        try
        {
            act();
        }
        catch (IOException e)
        {
            _hasFailed = true;
            ErrorOutput.Say($"the recording ends here: {e.Message}");
        }
    }
}
