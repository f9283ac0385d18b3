namespace Ioasis.Linux.Processes;

/// <summary>What became of a child or of a thread that we trace, as waitid(2) has it.</summary>
/// <param name="Pid">Which one.</param>
/// <param name="Code">CLD_EXITED (1), CLD_KILLED (2), CLD_DUMPED (3), CLD_TRAPPED (4), CLD_STOPPED (5).</param>
/// <param name="Status">The exit code or the signal; of one that we trace, with the event in bits 8 to 15.</param>
internal readonly record struct ChildState(int Pid, int Code, int Status)
{
    private const int CLD_EXITED = 1, CLD_TRAPPED = 4, CLD_STOPPED = 5, PTRACE_EVENT_STOP = 128;

    /// <summary>Whether it was stopped by a signal and lives on.</summary>
    public bool Stopped => Code == CLD_STOPPED;

    /// <summary>Whether it has ended.</summary>
    public bool Ended => Code is > 0 and < CLD_TRAPPED;

    /// <summary>Whether it stopped for us, its tracer.</summary>
    public bool Trapped => Code == CLD_TRAPPED;

    /// <summary>Whether it stopped where it enters or leaves a system call (SIGTRAP | 0x80).</summary>
    public bool AtSyscall => Trapped && Status == 0x85;

    /// <summary>
    /// The signal that a thread we trace was about to be given when it stopped; 0 for a stop without one.
    /// </summary>
    public int TrappedSignal => Status >> 8 == PTRACE_EVENT_STOP ? 0 : Status & 0x7f;

    /// <summary>The exit code as a shell has it: 128 and the signal for a child that a signal killed.</summary>
    public int ExitCode => Code == CLD_EXITED ? Status : 128 + Status;
}
