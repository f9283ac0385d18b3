namespace Ioasis.Linux.Processes;

/// <summary>State change of a child or of a thread that we trace, from waitid(2).</summary>
/// <param name="Pid">ID of the child or thread.</param>
/// <param name="Code">CLD_EXITED (1), CLD_KILLED (2), CLD_DUMPED (3), CLD_TRAPPED (4), CLD_STOPPED (5).</param>
/// <param name="Status">Exit code or signal. For a traced thread, bits 8 to 15 are the ptrace event.</param>
internal readonly record struct ChildState(int Pid, int Code, int Status)
{
    private const int CLD_EXITED = 1, CLD_TRAPPED = 4, CLD_STOPPED = 5, PTRACE_EVENT_STOP = 128;

    /// <summary>Whether a signal stopped it.</summary>
    public bool Stopped => Code == CLD_STOPPED;

    /// <summary>Whether it has ended.</summary>
    public bool Ended => Code is > 0 and < CLD_TRAPPED;

    /// <summary>Whether it stopped for us as its tracer.</summary>
    public bool Trapped => Code == CLD_TRAPPED;

    /// <summary>Whether it stopped at the entry or exit of a system call (SIGTRAP | 0x80).</summary>
    public bool AtSyscall => Trapped && Status == 0x85;

    /// <summary>The signal that a traced thread was about to receive when it stopped; 0 if the stop has none.</summary>
    public int TrappedSignal => Status >> 8 == PTRACE_EVENT_STOP ? 0 : Status & 0x7f;

    /// <summary>The exit code in a shell's convention: 128 plus the signal for a child that a signal killed.</summary>
    public int ExitCode => Code == CLD_EXITED ? Status : 128 + Status;
}
